//! `healthz`: the probe of a supervisor. Asks the HTTP endpoint and nothing else.
//!
//! It is run every few seconds in a container, so it opens one connection, needs no proof, no
//! TLS and no runtime. A status alone is no answer: whoever else listens there may say 200 to
//! anything, so the body is read.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use serde_json::Value;

use crate::{
    error::{Failure, Kind},
    program::Program,
    target, ui,
};

/// More than any probe says.
const REPLY_BYTES_MAX: u64 = 16 * 1024;

/// Ask the gateway's HTTP probe, for supervisors
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw healthz --ready")]
pub(crate) struct Args {
    /// Ask whether it takes work, not only whether it lives
    #[arg(long, conflicts_with = "started")]
    ready: bool,
    /// Ask whether it has begun to take work
    #[arg(long)]
    started: bool,
    /// Port of the gateway on this machine
    #[arg(long)]
    port: Option<u16>,
    /// How long to wait, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    timeout: u64,
}

impl Args {
    /// The endpoint, and the field of its answer that must be true.
    fn endpoint(&self) -> (&'static str, &'static str) {
        match (self.ready, self.started) {
            (true, _) => ("/readyz", "ready"),
            (_, true) => ("/startupz", "ok"),
            (false, false) => ("/healthz", "ok"),
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let address = match args.port {
        Some(port) => format!("127.0.0.1:{port}"),
        None => target::local_url(program).trim_start_matches("ws://").to_owned(),
    };
    let (path, field) = args.endpoint();
    let patience = Duration::from_millis(args.timeout.max(1));
    let reply = ask(&address, path, patience).map_err(|error| {
        let message = format!("no answer from http://{address}{path}");
        let mut failure = Failure::while_doing(Kind::Connection, message, &error);
        failure.is_absence = true;
        failure.hint(format!("{} gateway run, if none runs", program.invocation()))
    })?;
    let (status, body) = split(&reply);
    if status == 200 && body[field] == Value::Bool(true) {
        ui::answer("ok");
        return Ok(());
    }
    let why = match (status, body["failing"].as_array()) {
        (200, _) => "something else than a gateway answers".to_owned(),
        (status, Some(failing)) => {
            let names: Vec<&str> = failing.iter().filter_map(Value::as_str).collect();
            format!("status {status}: {}", names.join(", "))
        }
        (status, None) => format!("status {status}"),
    };
    Err(Failure::new(Kind::Connection, format!("http://{address}{path}: {why}")))
}

/// The reply to a GET, as it came.
fn ask(address: &str, path: &str, patience: Duration) -> io::Result<String> {
    let target = address.to_socket_addrs()?.next();
    let target = target.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let mut stream = TcpStream::connect_timeout(&target, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// The status, 0 when there is none, and the body, `null` when it is no JSON.
fn split(reply: &str) -> (u16, Value) {
    let status = reply.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_status_and_a_json_body() {
        let reply = "HTTP/1.1 503 Service Unavailable\r\nx: y\r\n\r\n{\"ready\":false}";

        let (status, body) = split(reply);

        assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
        assert_eq!(split("SSH-2.0-OpenSSH_9.2\r\n"), (0, Value::Null));
        assert_eq!(split("HTTP/1.1 200 OK\r\n\r\n<html>"), (200, Value::Null));
    }
}
