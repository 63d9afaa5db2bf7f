//! The wall: escapes and abuses by the tools of a model, each in a real container.
//!
//! Every row is a call as the model makes it, through the registry, a permit and the Docker
//! backend; it is refused or contained for a reason that is asserted, and the next call works.
//! `scripts/docker-engine.sh`, `scripts/sandbox-image.sh` and `scripts/build-boxd.sh` must have
//! run. Without an engine these tests fail, and say so. All they make is labelled and removed.

#![expect(clippy::disallowed_methods, reason = "tests look at the disk for themselves")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod files;
mod first_process;
mod floods;
mod foreign;
mod kernel;
mod losses;
mod names;
mod neighbours;
mod remains;
mod rig;
mod secrets;
mod settings;
mod swaps;
mod terminal;
