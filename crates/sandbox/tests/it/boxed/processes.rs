//! Commands: output, input, terminals, and how all of a command's processes die.

use std::time::Duration;

use bytes::Bytes;
use sandbox::{
    Chunk, Command, Exit, Sandbox, SandboxError, Size, Stdin,
    boxed::{BoxedSandbox, Start},
};
use tokio::time::timeout;

use super::{Boxed, DEADLINE, command, config, finish, hear, processes_with};

#[tokio::test]
async fn both_streams_and_the_status_come_out() {
    let boxed = Boxed::open().await;

    let (out, err, exit) = boxed.run("echo out; echo err >&2; exit 7").await;

    assert_eq!((out.as_str(), err.as_str(), exit), ("out\n", "err\n", Exit::Code(7)));
}

#[tokio::test]
async fn the_signal_that_ended_a_command_is_told() {
    let boxed = Boxed::open().await;

    let (_, _, exit) = boxed.run("kill -TERM $$").await;

    assert_eq!(exit, Exit::Signal(15));
}

#[tokio::test]
async fn a_command_gets_its_own_environment_and_no_other() {
    let boxed = Boxed::open().await;
    let mut given = command("echo \"$SECRET|$GIVEN|$HOME|$PATH|$OPENCLAW_PREPEND_PATH\"");
    given.env.insert("GIVEN".to_owned(), "to it; $(id)".to_owned());
    given.env.insert("PATH".to_owned(), "/first".to_owned());

    let (out, _, _) = finish(boxed.sandbox.exec(given).await.unwrap()).await;

    let fields: Vec<&str> = out.trim_end().split('|').collect();
    assert_eq!(fields[..3], ["", "to it; $(id)", boxed.path("").trim_end_matches('/')]);
    assert!(fields[3].starts_with("/first:/") && fields[4].is_empty(), "{out}");
}

#[tokio::test]
async fn profiles_are_read_and_read_again_when_they_change() {
    let boxed = Boxed::open().await;
    let line = "echo \"$FROM_PROFILE|$PATH\"";
    let shown = async || boxed.run(line).await.0;

    boxed.sandbox.write(".profile", b"FROM_PROFILE=one; export FROM_PROFILE").await.unwrap();
    let (first, again) = (shown().await, shown().await);
    boxed.sandbox.write(".profile", b"export FROM_PROFILE=two PATH=/own:$PATH").await.unwrap();
    let (changed, since) = (shown().await, shown().await);
    boxed.sandbox.remove(".profile").await.unwrap();

    assert!(first.starts_with("one|/") && first == again, "{first}{again}");
    assert!(changed.starts_with("two|/own:/") && changed == since, "{changed}{since}");
    assert!(shown().await.starts_with("|/"));
}

#[tokio::test]
async fn a_missing_directory_and_a_missing_program_are_told_apart() {
    let boxed = Boxed::open().await;
    let elsewhere = Command { workdir: Some("no/such".to_owned()), ..command("true") };
    let start = Start {
        argv: vec!["/no/such/program".to_owned()],
        env: [].into(),
        workdir: "/".to_owned(),
        stdin: Stdin::Null,
        pty: None,
        keeps_leftovers: false,
    };

    let no_place = boxed.sandbox.exec(elsewhere).await.unwrap_err();
    let no_program = boxed.link().exec(&start).await.unwrap_err();

    let SandboxError::Spawn { workdir, source, .. } = no_place else { panic!("{no_place}") };
    assert_eq!(
        (workdir, source.to_string().as_str()),
        (boxed.path("no/such"), "no usable working directory")
    );
    assert_eq!(no_program.to_string(), "no such file");
}

#[tokio::test]
async fn input_arrives_whole_and_ends() {
    let boxed = Boxed::open().await;
    let piped = Command { stdin: Stdin::Piped, ..command("wc -c; cat >/dev/null") };
    let mut running = boxed.sandbox.exec(piped).await.unwrap();

    let stdin = running.stdin.take().unwrap();
    for _ in 0..10 {
        stdin.send(Bytes::from(vec![b'x'; 100_000])).await.unwrap();
    }
    drop(stdin);

    assert_eq!(finish(running).await.0.trim(), "1000000");
}

#[tokio::test]
async fn input_that_nobody_reads_blocks_its_sender_and_nothing_else() {
    let boxed = Boxed::open().await;
    let deaf = Command { stdin: Stdin::Piped, ..command("sleep 3003") };
    let mut running = boxed.sandbox.exec(deaf).await.unwrap();
    let stdin = running.stdin.take().unwrap();

    let sent = timeout(Duration::from_millis(300), async {
        while stdin.send(Bytes::from(vec![0; 64 * 1024])).await.is_ok() {}
    });

    assert!(sent.await.is_err());
    assert_eq!(boxed.run("echo still here").await.0, "still here\n");
}

#[tokio::test]
async fn a_flood_waits_for_its_reader_and_arrives_whole() {
    let boxed = Boxed::open_ordinary().await;
    let line = "head -c 20000000 /dev/zero; echo end >&2";
    let mut running = boxed.sandbox.exec(command(line)).await.unwrap();

    // Other commands run while nobody reads the flood.
    assert_eq!(boxed.run("echo quick").await.0, "quick\n");
    let resident = resident_kib(&boxed);
    let (mut count, mut last) = (0, Vec::new());
    while let Some(chunk) = running.output.recv().await {
        match chunk {
            Chunk::Out(bytes) => count += bytes.len(),
            Chunk::Err(bytes) => last.extend_from_slice(&bytes),
        }
    }

    assert_eq!((count, last.as_slice()), (20_000_000, b"end\n".as_slice()));
    assert_eq!(running.exit.await.unwrap(), Exit::Code(0));
    // Far more than a servant needs, far less than a flood.
    assert!(resident < 8 * 1024, "{resident} KiB");
    assert!(resident_kib(&boxed) < 8 * 1024);
}

#[tokio::test]
async fn a_terminal_has_the_size_that_it_was_given_last() {
    let boxed = Boxed::open().await;
    let start = Start {
        argv: ["/bin/sh", "-c", "stty size; read line; stty size; echo \"got $line\"; tty"]
            .map(str::to_owned)
            .to_vec(),
        env: [].into(),
        workdir: "/".to_owned(),
        stdin: Stdin::Piped,
        pty: Some(Size { columns: 101, rows: 31 }),
        keeps_leftovers: false,
    };
    let mut process = boxed.link().exec(&start).await.unwrap();

    let before = hear(&mut process.running, "\n").await;
    process.control.resize(Size { columns: 77, rows: 22 }).await;
    let stdin = process.running.stdin.clone().unwrap();
    stdin.send(Bytes::from_static(b"typed\n")).await.unwrap();
    let (after, _, exit) = finish(process.running).await;

    assert_eq!(before, "31 101\r\n");
    assert!(after.contains("22 77\r\ngot typed\r\n/dev/"), "{after}");
    assert_eq!(exit, Exit::Code(0));
}

#[tokio::test]
async fn a_program_that_asks_for_the_cursor_is_answered() {
    let boxed = Boxed::open().await;
    let asks = "stty raw -echo; printf 'a\\033[6nb'; head -c 6 | od -An -c";
    let on_terminal =
        Command { pty: Some(Size { columns: 80, rows: 24 }), stdin: Stdin::Piped, ..command(asks) };

    let mut running = boxed.sandbox.exec(on_terminal).await.unwrap();
    let heard = hear(&mut running, "R").await;

    assert!(heard.starts_with("ab") && heard.contains("033   [   1   ;   1   R"), "{heard}");
}

#[tokio::test]
async fn a_signal_goes_to_the_whole_group() {
    let boxed = Boxed::open().await;
    let child = "trap \"echo child; exit\" INT; echo ready; while :; do sleep 0.01; done";
    let line = format!("trap 'echo parent' INT; sh -c '{child}'");
    let start = Start {
        argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
        env: [].into(),
        workdir: "/".to_owned(),
        stdin: Stdin::Null,
        pty: None,
        keeps_leftovers: false,
    };
    let mut process = boxed.link().exec(&start).await.unwrap();
    hear(&mut process.running, "ready\n").await;

    process.control.signal(2).await;

    let (heard, _, _) = finish(process.running).await;
    assert_eq!(heard, "child\nparent\n");
}

/// Four ways to leave the group: a session, two forks, an orphan without environment, and
/// all of them.
const FUGITIVES: &str = "
    setsid sleep NUMBER &
    (setsid sh -c 'sleep NUMBER & sleep NUMBER' &)
    env -i /usr/bin/setsid /bin/sleep NUMBER &
    (env -i /usr/bin/setsid /bin/sh -c '(/bin/sleep NUMBER &) ; /bin/sleep NUMBER' &)
    while [ $(pgrep -cx -f '(/bin/)?sleep NUMBER') -lt 6 ]; do :; done
    echo all here
";

#[tokio::test]
async fn killing_reaches_all_that_descends_from_a_command() {
    let boxed = Boxed::open().await;
    let line = format!("{} sleep 3005", FUGITIVES.replace("NUMBER", "3005"));
    let mut running = boxed.sandbox.exec(command(&line)).await.unwrap();
    hear(&mut running, "all here").await;

    running.killer.kill();
    let (_, _, exit) = finish(running).await;

    assert_eq!((exit, processes_with("3005")), (Exit::Signal(9), 0));
}

#[tokio::test]
async fn a_fork_bomb_dies_when_it_is_killed() {
    let boxed = Boxed::open().await;
    // Held by a limit, as the limits of a container would; without one nothing is lit.
    let bomb = "grep -q 'Max processes  *100 ' /proc/self/limits || exit 9
        b() { b | b & }; b 2>/dev/null; echo lit; while :; do :; done";
    let limited = "prlimit --nproc=100:100 setpriv --reuid=64123 --regid=64123 --clear-groups";
    let lowered = format!("{limited} sh -c \"{}\"", bomb.replace('$', "\\$"));
    let mut running = boxed.sandbox.exec(command(&lowered)).await.unwrap();
    hear(&mut running, "lit").await;

    running.killer.kill();
    let (_, _, exit) = finish(running).await;

    assert_eq!(exit, Exit::Signal(9));
    let left = "cat /proc/[0-9]*/status 2>/dev/null | grep -c '^Uid:.*64123'";
    assert_eq!(boxed.run(left).await.0, "0\n");
}

#[tokio::test]
async fn what_a_command_leaves_dies_with_it() {
    let boxed = Boxed::open().await;

    let (out, _, exit) = boxed.run(&FUGITIVES.replace("NUMBER", "3006")).await;

    assert_eq!((out.as_str(), exit), ("all here\n", Exit::Code(0)));
    assert_eq!(processes_with("3006"), 0);
}

#[tokio::test]
async fn leftovers_live_on_where_they_may_and_die_with_the_link() {
    let mut boxed = Boxed::open_ordinary().await;
    let keeper = BoxedSandbox::new(boxed.link().clone(), config(boxed.dir.path(), true));

    let running = keeper.exec(command("sleep 3007 & echo started")).await.unwrap();
    let (out, _, exit) = finish(running).await;

    assert_eq!((out.as_str(), exit), ("started\n", Exit::Code(0)));
    assert_eq!(boxed.run("true").await.2, Exit::Code(0));
    assert_eq!(processes_with("3007"), 1);
    boxed.link().close();
    timeout(DEADLINE, boxed.servant.wait()).await.unwrap().unwrap();
    assert_eq!(processes_with("3007"), 0);
}

#[tokio::test]
async fn killing_one_command_spares_the_others() {
    let boxed = Boxed::open().await;
    let mut spared = boxed.sandbox.exec(command("echo up; sleep 3008; sleep 3008")).await.unwrap();
    hear(&mut spared, "up").await;
    let mut doomed = boxed.sandbox.exec(command("echo up; sleep 3009; sleep 3009")).await.unwrap();
    hear(&mut doomed, "up").await;

    doomed.killer.kill();
    finish(doomed).await;

    assert_eq!((processes_with("3009"), spared.exit.try_recv().is_err()), (0, true));
}

#[tokio::test]
async fn a_dropped_command_dies() {
    let boxed = Boxed::open_ordinary().await;
    let mut running = boxed.sandbox.exec(command("echo up; yes 3010")).await.unwrap();
    hear(&mut running, "up").await;

    drop(running);

    // Its end is nobody's to await, but it is the last that the tasks have to do.
    let Boxed { sandbox, tasks, mut servant, .. } = boxed;
    drop(sandbox);
    tasks.close();
    timeout(DEADLINE, tasks.wait()).await.unwrap();
    timeout(DEADLINE, servant.wait()).await.unwrap().unwrap();
    assert_eq!(processes_with("3010"), 0);
}

#[tokio::test]
async fn fifty_commands_at_once_do_not_mix() {
    let boxed = Boxed::open().await;

    let all = (0..50).map(|number| {
        let boxed = &boxed;
        async move {
            let line =
                format!("echo {number}; cat /dev/null; echo err {number} >&2; exit {number}");
            (number, boxed.run(&line).await)
        }
    });

    for (number, (out, err, exit)) in futures_util::future::join_all(all).await {
        assert_eq!((out, err), (format!("{number}\n"), format!("err {number}\n")));
        assert_eq!(exit, Exit::Code(number));
    }
}

fn resident_kib(boxed: &Boxed) -> usize {
    let process = std::path::PathBuf::from(format!("/proc/{}", boxed.servant.id().unwrap()));
    super::status_kib(&process, "VmRSS:")
}
