//! The project's scripts, run for real against stand-ins for the programs they call.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "tests lay out files and start processes")]

mod images;
mod setup;
