//! Assembles the register access; nothing to do on a host that only checks types.
use std::process::Command;
use std::{env, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=lx106.S");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("xtensa") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let object = out.join("lx106.o");
    let archive = out.join("liblx106.a");
    let run = |command: &mut Command| {
        assert!(command.status().expect("xtensa binutils are in PATH").success());
    };
    run(Command::new("xtensa-lx106-elf-as")
        .args(["--text-section-literals", "lx106.S", "-o"])
        .arg(&object));
    run(Command::new("xtensa-lx106-elf-ar").arg("crs").arg(&archive).arg(&object));
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=lx106");
}
