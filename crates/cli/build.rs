//! Makes the released program smaller by what the linker can do: functions that came out alike are
//! folded, and the list of places that the loader has to mend is packed.
//!
//! Only in release builds, and only where a trial shows that the linker and the system's loader
//! know it: the packed list needs glibc 2.36 where the program runs.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script has no other way to learn of its build"
)]

use std::{env, error::Error, fs, path::PathBuf, process::Command};

/// Rust's own linker on x86-64 Linux knows them; nothing of ours compares addresses of functions.
const OPTIONS: [&str; 2] = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for option in OPTIONS {
            if works(option).unwrap_or(false) {
                println!("cargo:rustc-link-arg-bins={option}");
            }
        }
    }
}

/// Links a program that does nothing, and runs it.
fn works(option: &str) -> Result<bool, Box<dyn Error>> {
    let source = PathBuf::from(env::var("OUT_DIR")?).join("trial.rs");
    let program = source.with_extension("out");
    fs::write(&source, "fn main() {}")?;
    let mut linking = Command::new(env::var("RUSTC")?);
    linking.arg(&source).arg("-o").arg(&program);
    linking.args(["--target", &env::var("TARGET")?, "-C", &format!("link-arg={option}")]);
    Ok(linking.output()?.status.success() && Command::new(program).status()?.success())
}
