//! Has the built page embedded anew when it changed. Only release builds embed it: the others
//! read it from the disk, and should not be compiled again for it.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script has no other way to learn of its build"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../../ui/dist");
    }
}
