//! Directories that are exchanged for links while a program works with them.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Times that others are let through between two exchanges, at most.
const RESTS_MAX: usize = 8;

/// A thread that exchanges pairs of names, over and over, until it is dropped.
#[derive(Debug)]
pub struct Swapper {
    count: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Swapper {
    /// Exchanges names of `pairs` in `dir`: `seed` says which pair comes next, and how long a
    /// name rests before that.
    pub fn start(dir: &Path, pairs: &[(&str, &str)], seed: u64) -> Self {
        let (count, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let paths: Vec<_> = pairs.iter().map(|(a, b)| (dir.join(a), dir.join(b))).collect();
        let (counted, over) = (Arc::clone(&count), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut dice = Dice(seed);
            while !over.load(Ordering::Relaxed) {
                let (a, b) = &paths[dice.below(paths.len())];
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?;
                counted.fetch_add(1, Ordering::Relaxed);
                for _ in 0..dice.below(RESTS_MAX) {
                    std::thread::yield_now();
                }
            }
            Ok(())
        });
        Self { count, is_over, thread: Some(thread) }
    }

    /// How often a pair was exchanged.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Stops it, and tells what went wrong.
    ///
    /// # Errors
    ///
    /// The exchange that failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        // Told by `stop`; here a test is failing already.
        self.join().ok();
    }
}

/// Numbers that follow from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [first, second, ..] = mixed.to_be_bytes();
        usize::from(u16::from_be_bytes([first, second])) % bound
    }
}
