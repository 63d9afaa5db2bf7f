//! Starting a process: pipes or a terminal, a group of its own, and exactly the environment
//! that was asked for.

use std::{
    ffi::OsStr,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
};

use boxd::{Exec, Failure, Size};
use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open},
    io::{Errno, Result},
    process::chdir,
    termios::{Winsize, tcsetwinsize},
};

use crate::failure::failure;

/// What commands inherit from the sandbox unless told otherwise, and what they get if the
/// sandbox has none.
const INHERITED: [(&str, Option<&str>); 2] = [
    ("PATH", Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
    ("HOME", None),
];

/// A started process and our ends of its streams, none of which blocks.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) pid: i32,
    pub(crate) out: Option<OwnedFd>,
    pub(crate) err: Option<OwnedFd>,
    pub(crate) input: Option<OwnedFd>,
    pub(crate) terminal: Option<OwnedFd>,
}

/// Starts what `exec` says; `marker` is one more variable.
pub(crate) fn spawn(
    exec: &Exec<'_>,
    marker: (&str, &str),
) -> std::result::Result<Spawned, Failure> {
    let command = command(exec, marker).ok_or(Failure::Invalid)?;
    let spawned = match exec.pty {
        None => on_pipes(command, exec),
        Some(size) => on_terminal(command, exec, size),
    };
    spawned.map_err(|errno| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match open(exec.cwd, flags, Mode::empty()) {
            Ok(_) => failure(errno),
            Err(_) => Failure::NoWorkdir,
        }
    })
}

/// Sets a terminal's size.
pub(crate) fn resize(terminal: &OwnedFd, size: Size) -> Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size)
}

#[expect(clippy::disallowed_methods, reason = "this is where a sandbox starts processes")]
fn command(exec: &Exec<'_>, marker: (&str, &str)) -> Option<Command> {
    let (program, arguments) = exec.argv.split_first()?;
    let is_text = |text: &&[u8]| !text.contains(&0);
    let is_name = |name: &[u8]| !name.is_empty() && !name.contains(&b'=') && is_text(&name);
    let is_sound = exec.argv.iter().all(is_text)
        && exec.env.iter().all(|(name, value)| is_name(name) && is_text(value))
        && is_text(&exec.cwd)
        && exec.cwd.starts_with(b"/")
        && !program.is_empty();
    if !is_sound {
        return None;
    }
    let mut command = Command::new(OsStr::from_bytes(program));
    command.args(arguments.iter().map(|word| OsStr::from_bytes(word)));
    command.env_clear();
    for (name, default) in INHERITED {
        if let Some(value) = std::env::var_os(name).or_else(|| default.map(Into::into)) {
            command.env(name, value);
        }
    }
    let given = exec.env.iter();
    command.envs(given.map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value))));
    command.env(marker.0, marker.1);
    Some(command)
}

fn on_pipes(mut command: Command, exec: &Exec<'_>) -> Result<Spawned> {
    let _there = Visit::to(exec.cwd)?;
    let mut child = command
        .stdin(if exec.has_stdin { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // No closure before the exec and no directory, which a static libc cannot pass on: that
        // keeps `posix_spawn`, which copies no page tables.
        .process_group(0)
        .spawn()
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
    let spawned = Spawned {
        pid: child.id().cast_signed(),
        out: child.stdout.take().map(OwnedFd::from),
        err: child.stderr.take().map(OwnedFd::from),
        input: child.stdin.take().map(OwnedFd::from),
        terminal: None,
    };
    [&spawned.out, &spawned.err, &spawned.input].into_iter().flatten().try_for_each(unblock)?;
    Ok(spawned)
}

fn on_terminal(mut command: Command, exec: &Exec<'_>, size: Size) -> Result<Spawned> {
    command.current_dir(Path::new(OsStr::from_bytes(exec.cwd)));
    let (ours, theirs) = pty_process::blocking::open().map_err(errno)?;
    let ours = OwnedFd::from(ours);
    resize(&ours, size)?;
    let mut command = pty_process::blocking::Command::from(command);
    if !exec.has_stdin {
        command = command.stdin(Stdio::null());
    }
    // All that may fail before the command runs: a failure says that none was started.
    unblock(&ours)?;
    let again = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 0);
    // Also without input: answers to a program's questions are typed here.
    let (out, input) = (again(&ours)?, again(&ours)?);
    // It leads a session of its own, and with it a group of its own.
    let child = command.spawn(theirs).map_err(errno)?;
    Ok(Spawned {
        pid: child.id().cast_signed(),
        out: Some(out),
        err: None,
        input: Some(input),
        terminal: Some(ours),
    })
}

/// Our own working directory while a command starts, which inherits it: we are one thread, and
/// use absolute paths only.
struct Visit;

impl Visit {
    fn to(dir: &[u8]) -> Result<Self> {
        chdir(dir)?;
        Ok(Self)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // The root is always there.
        let _back = chdir("/");
    }
}

fn unblock(fd: &OwnedFd) -> Result<()> {
    fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)
}

/// Not one `match`: the library has more kinds where another crate asks for its async half.
fn errno(error: pty_process::Error) -> Errno {
    if let pty_process::Error::Rustix(errno) = error {
        return errno;
    }
    if let pty_process::Error::Io(error) = error {
        return Errno::from_io_error(&error).unwrap_or(Errno::INVAL);
    }
    Errno::INVAL
}
