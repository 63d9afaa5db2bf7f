//! The real `openclaw` gateway as a child process, and a client that speaks raw frames to it.
//!
//! The child runs in a [`TempHome`] with a cleared environment on a port that was free a moment
//! before. It never outlives its [`Gateway`]: dropping one kills the process. The client knows
//! frames, not methods, so that a test states the wire shapes itself.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

pub use self::ws::{CallError, WsClient};
use crate::home::{TOKEN, TempHome};

mod ws;

/// How long a gateway may take to become ready, and to stop. Generous: debug builds on a loaded
/// machine must pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    port: u16,
    token: String,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Starts `program` (the `openclaw` binary) as a gateway in `home` and waits until
    /// `/readyz` says yes.
    ///
    /// # Errors
    ///
    /// With the child's standard error, when it exits first or is not ready in time.
    pub fn start(program: &Path, home: &TempHome) -> anyhow::Result<Self> {
        Self::start_with(program, home, &[])
    }

    /// [`Self::start`] with more arguments after `gateway run --port <port>`.
    pub fn start_with(program: &Path, home: &TempHome, args: &[&str]) -> anyhow::Result<Self> {
        let gateway = Self::spawn(program, home, free_port()?, args)?;
        gateway.until_ready()
    }

    /// Starts the gateway on `port` without waiting for anything.
    pub fn spawn(
        program: &Path,
        home: &TempHome,
        port: u16,
        args: &[&str],
    ) -> anyhow::Result<Self> {
        let mut command = home.command(program);
        command.args(["gateway", "run", "--port", &port.to_string()]).args(args);
        // A pipe that nobody reads would stop the child once it is full.
        command.stdout(std::process::Stdio::null());
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut pipe = child.stderr.take().context("the child's stderr is not piped")?;
        let stderr = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&stderr);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        let token = home.config()?["gateway"]["auth"]["token"].as_str().unwrap_or(TOKEN).to_owned();
        Ok(Self { child, port, token, stderr, reader: Some(reader) })
    }

    fn until_ready(mut self) -> anyhow::Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                self.drain();
                bail!("the gateway ended with {status} before it was ready:\n{}", self.stderr());
            }
            if get_status(self.port, "/readyz").is_some_and(|status| status == 200) {
                return Ok(self);
            }
            thread::sleep(Duration::from_millis(2));
        }
        bail!("the gateway was not ready in {PATIENCE:?}:\n{}", self.stderr());
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where WebSocket clients connect.
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Where HTTP clients connect; no trailing slash.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The shared token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client that has said hello in protocol `version` (3 or 4).
    pub async fn connect(&self, version: u32) -> anyhow::Result<WsClient> {
        WsClient::connect(&self.ws_url(), &self.token, version).await
    }

    /// `kill -9`, then waits for the process to be gone.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop by SIGTERM and returns at once.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("the process id is out of range")?, Signal::TERM)?;
        Ok(())
    }

    /// Waits for the process to end by itself; also returns all that it wrote to stderr.
    ///
    /// # Errors
    ///
    /// When it still runs after the time that a stop may take.
    pub fn wait(mut self) -> anyhow::Result<(ExitStatus, String)> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                self.drain();
                return Ok((status, self.stderr()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        bail!("the gateway did not stop in {PATIENCE:?}:\n{}", self.stderr());
    }

    /// Waits until the reader has seen the end of a dead child's stderr.
    fn drain(&mut self) {
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port of 127.0.0.1 that was free at the time of asking.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The status of `GET path`, or `None` while nobody answers.
fn get_status(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    str::from_utf8(&head).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_reported_with_what_it_said() {
        let home = TempHome::minimal().unwrap();

        // The shell looks for a script named `gateway`, which is not there.
        let error = Gateway::start(Path::new("/bin/sh"), &home).unwrap_err();

        let text = error.to_string();
        assert!(text.starts_with("the gateway ended with exit status: "), "{text}");
        assert!(text.contains("gateway: "), "{text}");
    }

    #[test]
    fn nobody_answers_on_a_free_port() {
        assert_eq!(get_status(free_port().unwrap(), "/readyz"), None);
    }
}
