//! Counts the clients of each address that have proved nothing yet.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Unproven clients of one address. Loopback is not counted.
const PER_ADDRESS_MAX: usize = 32;

/// Clients that have proved nothing yet, by address.
#[derive(Clone, Default)]
pub(crate) struct Waiting {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place among those who wait; given back when dropped.
pub(crate) struct Ticket {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    ip: IpAddr,
}

impl Waiting {
    /// Takes a place; `None` when the address has too many.
    pub(crate) fn enter(&self, ip: IpAddr) -> Option<Ticket> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= PER_ADDRESS_MAX && !ip.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Ticket { counts: Arc::clone(&self.counts), ip })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_32_unproven_clients() {
        let waiting = Waiting::default();
        let ip = [192, 0, 2, 1].into();
        let mut tickets: Vec<Ticket> = (0..32).filter_map(|_| waiting.enter(ip)).collect();

        assert_eq!(tickets.len(), 32);
        assert!(waiting.enter(ip).is_none());
        tickets.pop();
        assert!(waiting.enter(ip).is_some());
        assert!(waiting.enter([127, 0, 0, 1].into()).is_some());
    }
}
