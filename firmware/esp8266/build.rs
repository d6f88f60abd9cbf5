//! Tells the linker how an ESP8266 image is laid out; nothing on a host that only checks types.
use std::process::Command;
use std::{env, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=simcall.s");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("xtensa") {
        return;
    }
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=--gc-sections");
    println!("cargo:rustc-link-arg=-e_start");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let object = out.join("simcall.o");
    let status = Command::new("xtensa-lx106-elf-as")
        .args(["--text-section-literals", "simcall.s", "-o"])
        .arg(&object)
        .status();
    assert!(status.expect("xtensa binutils are in PATH").success());
    println!("cargo:rustc-link-arg-bin=qemu={}", object.display());
}
