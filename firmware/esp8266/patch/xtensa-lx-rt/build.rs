//! Assembles the vectors and the entry points; nothing to do on a host that only checks types.
use std::process::Command;
use std::{env, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=vectors.S");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for script in ["link.x", "exception.x"] {
        println!("cargo:rerun-if-changed={script}");
        std::fs::copy(script, out.join(script)).expect("OUT_DIR can be written");
    }
    println!("cargo:rustc-link-search={}", out.display());
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("xtensa") {
        return;
    }
    let object = out.join("vectors.o");
    let archive = out.join("liblx106rt.a");
    let run = |command: &mut Command| {
        assert!(command.status().expect("xtensa binutils are in PATH").success());
    };
    run(Command::new("xtensa-lx106-elf-as")
        .args(["--text-section-literals", "vectors.S", "-o"])
        .arg(&object));
    run(Command::new("xtensa-lx106-elf-ar").arg("crs").arg(&archive).arg(&object));
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static:+whole-archive=lx106rt");
}
