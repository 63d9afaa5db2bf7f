//! What takes minutes and much of the network: images with a browser, built and used for real.
//!
//! `make test-full` runs it. It needs what `it_docker` needs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "tests lay out files and start processes")]

mod browser;
mod image;
#[expect(dead_code, reason = "it_docker uses all of it")]
#[path = "../it_docker/rig.rs"]
mod rig;
mod sandboxes;
mod vnc;
