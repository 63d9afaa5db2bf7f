//! The store on real files: durability, damage, other programs, the reference's own state.

#![expect(clippy::disallowed_methods, reason = "the tests look at the files behind the store")]
#![expect(clippy::unwrap_used, reason = "what a test relies on is shared by its helpers")]

mod crash;
mod disk;
mod home;
mod index;
mod modes;
mod reference;
mod swaps;
mod transcript;
