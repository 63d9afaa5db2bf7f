//! `gateway stop`: asks the gateway that holds the state directory to end, and waits for it.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::service::{Args, outcome};
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// A gateway gives its turns 5 s; a little more, and something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let state_dir = &program.locations.state_dir;
    let Some(pid) = store::lock_holder(state_dir) else {
        let dir = program.locations.shorten(state_dir);
        report(args, "not-loaded", &format!("No gateway is running on {dir}."));
        return Ok(());
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| {
        Failure::new(Kind::State, format!("the lock of the state directory names pid {pid}"))
    })?;
    kill_process(process, Signal::TERM).map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot stop process {pid}"), &error)
            .hint("run this as the user that started the gateway")
    })?;
    let deadline = Instant::now() + PATIENCE;
    while store::lock_holder(state_dir) == Some(pid) && test_kill_process(process).is_ok() {
        if Instant::now() >= deadline {
            return Err(Failure::new(
                Kind::Timeout,
                format!("process {pid} still runs after 10 s"),
            )
            .hint(format!("kill -9 {pid}")));
        }
        sleep(LOOK_EVERY).await;
    }
    report(args, "stopped", &format!("Stopped the gateway (pid {pid})."));
    Ok(())
}

fn report(args: &Args, result: &str, message: &str) {
    if args.json {
        ui::answer_json(&outcome("stop", result, message, &[]));
    } else {
        ui::answer(message);
    }
}
