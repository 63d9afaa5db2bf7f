//! The gateway's image and its compose file, in a real Docker Engine.
//!
//! `scripts/test-setup.sh` must have run: an engine, its Compose and Buildx plugins, Debian's
//! image, the servant. The image is the shipped Dockerfile around the program under test
//! (`OPENCLAW_TEST_IMAGE` names another). All that these tests make is labelled and removed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]
#![expect(clippy::disallowed_methods, reason = "tests start processes and look at files")]

mod bounds;
mod boxes;
mod compose;
mod doctor;
mod entries;
mod life;
mod owners;
mod removal;
mod rig;
mod tenants;
mod variants;
mod workspaces;
