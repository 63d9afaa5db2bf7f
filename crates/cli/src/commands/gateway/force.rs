//! `gateway run --force`: ends whatever listens on the port.

use std::{thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::listeners::{self, Listener};
use crate::{
    error::{Failure, Kind},
    ui,
};

const POLITE: Duration = Duration::from_millis(700);
const FREE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks the listeners to go, ends those that stay, and waits until the port is free.
pub(super) fn free(port: u16) -> Result<(), Failure> {
    let found = listeners::on_port(port);
    if found.is_empty() {
        return Ok(());
    }
    for listener in &found {
        ui::say(format!("Stopping pid {} on port {port}: {}", listener.pid, listener.command));
    }
    send(&found, Signal::TERM);
    if is_free_within(port, POLITE) {
        return Ok(());
    }
    send(&listeners::on_port(port), Signal::KILL);
    if is_free_within(port, FREE_WITHIN) {
        return Ok(());
    }
    Err(Failure::new(Kind::Failed, format!("port {port} is still in use")))
}

fn send(listeners: &[Listener], signal: Signal) {
    for listener in listeners {
        if let Some(pid) = i32::try_from(listener.pid).ok().and_then(Pid::from_raw) {
            // It may be gone by now; whether the port is free decides.
            kill_process(pid, signal).ok();
        }
    }
}

fn is_free_within(port: u16, patience: Duration) -> bool {
    let looks = patience.as_millis() / LOOK_EVERY.as_millis();
    (0..=looks).any(|_| {
        thread::sleep(LOOK_EVERY);
        listeners::on_port(port).is_empty()
    })
}
