//! The servant inside a sandbox.

fn main() {}
