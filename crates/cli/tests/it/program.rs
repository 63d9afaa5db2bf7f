//! Runs the program and shows all of its output with what changes from run to run left out.

use std::{
    path::Path,
    process::Output,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{gateway::Gateway, home::TempHome};

/// The program under test.
pub(crate) fn openclaw() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_openclaw"))
}

/// What one run of the program did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Runs `openclaw` with `args` in `home`.
pub(crate) fn run(home: &TempHome, args: &[&str]) -> Ran {
    run_with(home, args, &[])
}

/// The same with more variables in the environment.
pub(crate) fn run_with(home: &TempHome, args: &[&str], vars: &[(&str, &str)]) -> Ran {
    let output = home.command(openclaw()).args(args).envs(vars.iter().copied()).output().unwrap();
    Ran::of(home, &output)
}

impl Ran {
    fn of(home: &TempHome, output: &Output) -> Self {
        let home = home.path().to_str().unwrap();
        let text =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(home, "[home]");
        Self {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code(),
        }
    }

    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The answer of a run that went well.
    pub(crate) fn answer(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Code and talk of a run that failed.
    pub(crate) fn failure(self) -> (Option<i32>, String) {
        assert_ne!(self.code, Some(0), "{}", self.stdout);
        (self.code, self.stderr)
    }
}

/// A home whose gateway logs into it, not into the machine's common log.
pub(crate) fn quiet(home: TempHome) -> TempHome {
    let log = home.path().join("gateway.log");
    home.merge_config(&json!({"logging": {"file": log}})).unwrap();
    home
}

/// A running gateway that `openclaw` finds by the config of `home`.
pub(crate) fn start(home: &TempHome) -> Gateway {
    let gateway = Gateway::start(openclaw(), home).unwrap();
    home.merge_config(&json!({"gateway": {"port": gateway.port()}})).unwrap();
    gateway
}

/// All that the gateway has said once it has said `last`.
pub(crate) fn talk_until(gateway: &Gateway, last: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let talk = gateway.stderr();
        if talk.contains(last) {
            return talk;
        }
        std::thread::yield_now();
    }
    panic!("no `{last}` in {}", gateway.stderr());
}

/// A home without a gateway, on a port where nobody listens.
pub(crate) fn alone() -> (TempHome, u16) {
    let home = quiet(TempHome::minimal().unwrap());
    let port = testkit::gateway::free_port().unwrap();
    home.merge_config(&json!({"gateway": {"port": port}})).unwrap();
    (home, port)
}
