//! `docker-setup.sh` and the smoke tests in containers, on a real engine with the gateway's image.
//!
//! `scripts/test-setup.sh` must have run, and `target/debug/openclaw` be built: the image is made
//! around it. Without an engine these tests fail, and say so. What they make is theirs alone, by
//! the name of a Compose project or by a label, and goes with them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "tests lay out files and start processes")]

mod image;
mod rig;
mod sandbox;
mod setup;
mod smoke;
mod swap;
