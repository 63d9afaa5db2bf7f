//! Built-in tools on a real machine: host processes and files in temporary workspaces.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene should fail")]

mod exec;
mod files;
mod patch;
mod process;
mod sessions;
mod specs;
mod understood;
mod world;
