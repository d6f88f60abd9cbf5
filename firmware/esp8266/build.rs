//! Tells the linker how an ESP8266 image is laid out; nothing on a host that only checks types.
use std::error::Error;
use std::process::Command;
use std::{env, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=simcall.s");
    if env::var("CARGO_CFG_TARGET_ARCH")? != "xtensa" {
        return Ok(());
    }
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=--gc-sections");
    println!("cargo:rustc-link-arg=-e_start");
    let object = PathBuf::from(env::var("OUT_DIR")?).join("simcall.o");
    let status = Command::new("xtensa-lx106-elf-as")
        .args(["--text-section-literals", "simcall.s", "-o"])
        .arg(&object)
        .status()?;
    println!("cargo:rustc-link-arg-bin=qemu={}", object.display());
    if status.success() {
        Ok(())
    } else {
        Err("simcall.s".into())
    }
}
