//! The servant as the first process of a process namespace, as in a container.

use std::{io::pipe, os::fd::OwnedFd, process::Stdio};

use boxd::{PREAMBLE, Request, VERSION};
use sandbox::{
    Exit, Sandbox,
    boxed::{Attach, BoxedSandbox, Link, Marker, Options},
};
use tokio::{
    io::AsyncWriteExt,
    net::unix::pipe::{Receiver, Sender},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{Boxed, DEADLINE, NAMESPACE, command, config, finish, hear, processes_with, start};

#[tokio::test]
async fn it_reaps_the_orphans_of_others() {
    let boxed = Boxed::open().await;
    let keeper = BoxedSandbox::new(boxed.link().clone(), config(boxed.dir.path(), true));
    assert!(boxed.link().is_pid1());

    let orphans = "for n in 1 2 3 4 5; do (sh -c 'exit 3' &); done; (sleep 0.05 &)";
    finish(keeper.exec(command(orphans)).await.unwrap()).await;

    let look =
        "while grep -qs '^State:.Z' /proc/[0-9]*/status || pgrep -x sleep; do :; done; echo none";
    assert_eq!(boxed.run(&format!("({look}) | tail -n 1")).await.0, "none\n");
}

#[tokio::test]
async fn sigterm_ends_everything_with_status_zero() {
    let mut boxed = Boxed::open().await;
    let mut running =
        boxed.sandbox.exec(command("setsid sleep 3011 & echo up; wait")).await.unwrap();
    hear(&mut running, "up").await;

    let _asking = boxed.sandbox.exec(command("kill -TERM 1")).await.unwrap();

    let status = timeout(DEADLINE, boxed.servant.wait()).await.unwrap().unwrap();
    assert_eq!((status.code(), processes_with("3011")), (Some(0), 0));
    assert_eq!(boxed.link().closed().await.to_string(), "the sandbox's servant is gone");
    assert!(timeout(DEADLINE, running.exit).await.unwrap().is_err());
}

#[tokio::test]
async fn nothing_but_sigterm_kills_it_from_inside() {
    let boxed = Boxed::open().await;

    let (_, _, exit) = boxed.run("kill -KILL 1; kill -STOP 1; kill -HUP 1; kill -INT 1").await;

    assert_eq!(exit, Exit::Code(0));
    assert_eq!(boxed.run("echo alive").await.0, "alive\n");
}

#[tokio::test]
async fn nobody_without_its_rights_opens_its_streams() {
    let lowered = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let wrapper: Vec<&str> = NAMESPACE.into_iter().chain(lowered).collect();
    let mut boxed = Boxed::open_as(&wrapper).await;
    assert_eq!(boxed.link().uid(), 65534);
    let at_root = sandbox::Command {
        workdir: Some("/".to_owned()),
        ..command("id -u; echo x >/proc/1/fd/4; ls /proc/1/fd; cat /proc/1/environ")
    };

    let (out, err, _) = finish(boxed.sandbox.exec(at_root).await.unwrap()).await;

    assert_eq!(out, "65534\n");
    assert_eq!(err.matches("ermission denied").count(), 3, "{err}");
    // One that changed its user does not die with its parent.
    let at_root = sandbox::Command { workdir: Some("/".to_owned()), ..command("kill -TERM 1") };
    let _asking = boxed.sandbox.exec(at_root).await.unwrap();
    timeout(DEADLINE, boxed.servant.wait()).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_next_gateway_finds_it_after_a_cut_frame_and_old_output() {
    let ((input, to_it), (from_it, output)) = (pipe().unwrap(), pipe().unwrap());
    let mut servant = start(&NAMESPACE, Stdio::from(input), Stdio::from(output));
    let tasks = TaskTracker::new();
    let (to_it, from_it) = (OwnedFd::from(to_it), OwnedFd::from(from_it));
    let again = |fd: &OwnedFd| fd.try_clone().unwrap();
    let attach = async |attach| {
        let (reader, writer) = (reading(again(&from_it)), writing(again(&to_it)));
        Link::start(&tasks, reader, writer, Options::new(attach)).await.unwrap()
    };
    let first = attach(Attach::First).await;
    let dir = tempfile::tempdir().unwrap();
    let sandbox = BoxedSandbox::new(first.clone(), config(dir.path(), true));
    let mut flood = sandbox.exec(command("(setsid sleep 3012 &); yes")).await.unwrap();
    hear(&mut flood, "y\n").await;

    // The gateway dies in the middle of a frame, with output on its way.
    first.close();
    drop((first, sandbox, flood));
    tasks.close();
    timeout(DEADLINE, tasks.wait()).await.unwrap();
    tasks.reopen();
    let mut cut = Vec::new();
    let evil = [&PREAMBLE[..], &[0; 200]].concat();
    Request::Stdin(&evil).append(9, &mut cut).unwrap();
    let mut writer = writing(again(&to_it));
    writer.write_all(&cut[..cut.len() - 20]).await.unwrap();
    let second = attach(Attach::Again).await;

    let sandbox = BoxedSandbox::new(second, config(dir.path(), false));
    let (out, _, exit) = finish(sandbox.exec(command("echo new")).await.unwrap()).await;
    assert_eq!((out.as_str(), exit), ("new\n", Exit::Code(0)));
    assert_eq!(processes_with("3012"), 0);
    servant.kill().await.unwrap();
}

#[tokio::test]
async fn it_waits_for_another_gateway_when_its_input_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (to_it, from_it) = (dir.path().join("to"), dir.path().join("from"));
    for path in [&to_it, &from_it] {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
    }
    let open = |path, flags| {
        let flags = flags | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap()
    };
    let input = open(&to_it, rustix::fs::OFlags::RDONLY);
    let output = open(&from_it, rustix::fs::OFlags::RDWR);
    let mut servant = start(&NAMESPACE, Stdio::from(input), Stdio::from(output));
    let tasks = TaskTracker::new();

    for attach in [Attach::First, Attach::Again, Attach::Again] {
        let reader = reading(open(&from_it, rustix::fs::OFlags::RDONLY));
        let writer = writing(open(&to_it, rustix::fs::OFlags::WRONLY));
        let link = Link::start(&tasks, reader, writer, Options::new(attach)).await.unwrap();
        assert_eq!(processes_with("3013"), 0);
        let sandbox = BoxedSandbox::new(link, config(dir.path(), true));
        let mut running = sandbox.exec(command("sleep 3013 & echo up; wait")).await.unwrap();
        hear(&mut running, "up").await;

        sandbox.link().close();
        sandbox.link().closed().await;
    }

    servant.kill().await.unwrap();
}

#[tokio::test]
async fn a_directory_that_is_not_the_right_one_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("marker").to_str().unwrap().to_owned();
    tokio::fs::write(&path, b"seen").await.unwrap();
    let tasks = TaskTracker::new();
    let open = async |contents: &[u8]| {
        let mut servant = start(&NAMESPACE, Stdio::piped(), Stdio::piped());
        let (reader, writer) = (servant.stdout.take().unwrap(), servant.stdin.take().unwrap());
        let marker = Some(Marker { path: path.clone(), contents: contents.to_vec() });
        let options = Options { marker, ..Options::new(Attach::First) };
        (Link::start(&tasks, reader, writer, options).await.map(|link| link.is_pid1()), servant)
    };

    let (right, _servant) = open(b"seen").await;
    let (wrong, _servant) = open(b"hidden").await;

    assert!(right.unwrap());
    assert_eq!(
        wrong.unwrap_err().to_string(),
        format!("`{path}` in the sandbox is not the file that was put there")
    );
}

#[tokio::test]
async fn a_servant_of_another_version_is_not_believed() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(ours);
    let (mut their_reader, mut their_writer) = tokio::io::split(theirs);
    let tasks = TaskTracker::new();

    let answer = async {
        let mut hello = vec![0; 16 + 28];
        tokio::io::AsyncReadExt::read_exact(&mut their_reader, &mut hello).await.unwrap();
        let nonce = &hello[16 + 11..16 + 27];
        let mut said = [&PREAMBLE, nonce].concat();
        let reply =
            boxd::Reply::Hello { version: VERSION + 1, uid: 0, is_pid1: true, facts: Vec::new() };
        reply.append(0, &mut said).unwrap();
        their_writer.write_all(&said).await.unwrap();
    };
    let (link, ()) =
        tokio::join!(Link::start(&tasks, reader, writer, Options::new(Attach::First)), answer);

    let said = format!("the sandbox's servant speaks version {}, not {VERSION}", VERSION + 1);
    assert_eq!(link.unwrap_err().to_string(), said);
}

fn reading(fd: OwnedFd) -> Receiver {
    Receiver::from_owned_fd(fd).unwrap()
}

fn writing(fd: OwnedFd) -> Sender {
    Sender::from_owned_fd(fd).unwrap()
}
