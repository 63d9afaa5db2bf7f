//! Sandboxes in a real Docker Engine.
//!
//! `scripts/docker-engine.sh`, `scripts/sandbox-image.sh` and `scripts/build-boxd.sh` must have
//! run. Without an engine these tests fail, and say so. All they make is labelled and removed.

#![expect(clippy::disallowed_methods, reason = "tests look at the disk for themselves")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

mod engine;
mod escapes;
mod fallback;
mod gvisor;
mod hardening;
mod inside;
mod life;
mod loss;
mod podman;
mod proven;
mod proxy;
mod rig;
mod servant;
mod skills;
mod spares;
mod swaps;
mod volumes;
mod wall;
