//! Whatever a sandbox sends, the gateway stays well.

use std::time::Duration;

use boxd::{PREAMBLE, Reply, VERSION, frame};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use sandbox::{
    Sandbox,
    boxed::{Attach, BoxedSandbox, Link, LinkError, Options},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{Boxed, DEADLINE, command, config};

#[tokio::test]
async fn all_that_wait_are_told_when_the_servant_is_killed() {
    let mut boxed = Boxed::open().await;
    let running = boxed.sandbox.exec(command("sleep 3014")).await.unwrap();

    boxed.servant.kill().await.unwrap();

    assert!(matches!(timeout(DEADLINE, boxed.link().closed()).await.unwrap(), LinkError::Closed));
    assert!(timeout(DEADLINE, running.exit).await.unwrap().is_err());
    let refused = boxed.link().read("/etc/hostname", 100).await.unwrap_err();
    assert_eq!(refused.to_string(), "the sandbox's servant is gone");
    let refused = boxed.sandbox.exec(command("true")).await.unwrap_err();
    assert_eq!(
        std::error::Error::source(&refused).unwrap().to_string(),
        "the sandbox's servant is gone"
    );
}

#[tokio::test]
async fn a_servant_that_says_nothing_is_given_up() {
    let (ours, _theirs) = tokio::io::duplex(1 << 20);
    let (reader, writer) = tokio::io::split(ours);
    let tasks = TaskTracker::new();
    let options = Options { hello_max: Duration::from_millis(20), ..Options::new(Attach::Again) };

    let link = Link::start(&tasks, reader, writer, options).await;

    assert!(matches!(link.unwrap_err(), LinkError::Silent { .. }));
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_the_link() {
    let (link, _theirs, _tasks) = linked(Duration::from_millis(20)).await;

    let silent = link.read("/file", 10).await.unwrap_err();

    assert!(silent.to_string().contains("did not answer"), "{silent}");
    assert!(matches!(link.failure(), Some(LinkError::Silent { .. })));
}

#[tokio::test]
async fn a_forged_answer_ends_the_link_with_the_reason() {
    let (link, mut theirs, _tasks) = linked(DEADLINE).await;
    let mut forged = Vec::new();
    Reply::Output { stream: boxd::Stream::Out, bytes: b"x" }.append(77, &mut forged).unwrap();

    theirs.write_all(&forged).await.unwrap();

    assert_eq!(
        timeout(DEADLINE, link.closed()).await.unwrap().to_string(),
        "the sandbox's servant broke the rules: an answer to nothing that was asked"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_end_the_link_or_leave_it_whole(bytes in vec(any::<u8>(), 1..2000)) {
        outcome_of(&bytes)?;
    }

    #[test]
    fn any_frames_end_the_link_or_leave_it_whole(
        frames in vec((0_u8..14, 0_u32..6, vec(any::<u8>(), 0..60)), 1..60),
    ) {
        let mut bytes = Vec::new();
        for (kind, id, payload) in frames {
            frame::append(&mut bytes, kind, id, |out| out.extend(&payload)).unwrap();
        }
        outcome_of(&bytes)?;
    }
}

/// Sends `bytes` while calls of all sorts wait, and then the end of the stream: all of them
/// end, and the link says why.
fn outcome_of(bytes: &[u8]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (link, mut theirs, tasks) = linked(DEADLINE).await;
        let sandbox = BoxedSandbox::new(link.clone(), config("/".as_ref(), false));
        let calls = async {
            tokio::join!(
                async {
                    let Ok(mut running) = sandbox.exec(command("true")).await else { return };
                    while running.output.recv().await.is_some() {}
                    let _lost = running.exit.await;
                },
                async { assert!(sandbox.read("file", 50).await.map_or(0, |it| it.len()) <= 50) },
                async { drop(link.list("/", 2).await) },
                async { drop(sandbox.write("file", b"text").await) },
                async { drop(sandbox.stat("file").await) },
            )
        };
        let attack = async {
            // All is asked for before anything is answered.
            let mut asked = [0; 100];
            let _count = theirs.read(&mut asked).await;
            // It may hang up on us before we are done.
            let _hung_up = theirs.write_all(bytes).await;
            drop(theirs);
        };
        let both = async { tokio::join!(calls, attack) };
        prop_assert!(timeout(DEADLINE, both).await.is_ok());
        prop_assert!(timeout(DEADLINE, link.closed()).await.is_ok());
        prop_assert!(link.failure().is_some());
        tasks.close();
        prop_assert!(timeout(DEADLINE, tasks.wait()).await.is_ok());
        Ok(())
    })
}

/// A link whose other end is the test's.
async fn linked(answer_max: Duration) -> (Link, DuplexStream, TaskTracker) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(ours);
    let tasks = TaskTracker::new();
    let options = Options { answer_max, ..Options::new(Attach::First) };
    let answer = async {
        let mut hello = [0; 16 + 28];
        theirs.read_exact(&mut hello).await.unwrap();
        let nonce = &hello[16 + 11..16 + 27];
        let mut said = [&PREAMBLE, nonce].concat();
        let reply = Reply::Hello { version: VERSION, uid: 0, is_pid1: true, facts: Vec::new() };
        reply.append(0, &mut said).unwrap();
        theirs.write_all(&said).await.unwrap();
    };
    let (link, ()) = tokio::join!(Link::start(&tasks, reader, writer, options), answer);
    (link.unwrap(), theirs, tasks)
}
