//! Questions, answers, silence and stops, without a socket.

use domain::{AgentId, SessionKey, SystemClock};

use super::*;

fn approvals() -> (Approvals, CancellationToken, tokio::task::JoinSet<()>) {
    let (_, agent_events) = mpsc::channel(1);
    let (events, _inbox) = Events::new(agent_events);
    let (approvals, task) = Approvals::new(SystemClock::shared());
    let (stop, mut tasks) = (CancellationToken::new(), tokio::task::JoinSet::new());
    let desk = Desk { events, clock: SystemClock::shared(), forward: Box::new(|_| ()) };
    tasks.spawn(task.run(desk, stop.clone()));
    (approvals, stop, tasks)
}

fn request(id: &str) -> ApprovalRequest {
    ApprovalRequest {
        id: id.to_owned(),
        command: "rm x".to_owned(),
        cwd: None,
        host: "gateway",
        security: "allowlist",
        ask: "on-miss",
        agent: AgentId::main(),
        session: SessionKey::stored("agent:main:main"),
        resolved_path: None,
        may_remember: true,
    }
}

/// The questions, once there are `count` of them.
async fn listed(approvals: &Approvals, count: usize) -> Vec<Asked> {
    loop {
        let all = approvals.list().await;
        if all.len() == count {
            return all;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_first_answer_counts_and_the_second_learns_that_it_is_late() {
    let (approvals, _stop, _tasks) = approvals();
    let ask = approvals.ask(request("0123456789"));
    let answer = async {
        listed(&approvals, 1).await;
        let first = approvals.resolve("01234567", Verdict::AllowOnce, "ann").await;
        let second = approvals.resolve("0123456789", Verdict::Deny, "bob").await;
        (first, second, approvals.resolve("other", Verdict::Deny, "bob").await)
    };

    let (verdict, (first, second, unknown)) = tokio::join!(ask, answer);

    assert_eq!(verdict, Verdict::AllowOnce);
    assert_eq!(first, Ok("0123456789".to_owned()));
    assert_eq!(second, Err(Unfit::Over(Some("allow-once"))));
    assert_eq!(unknown, Err(Unfit::Unknown));
    let ended = approvals.ended().await;
    assert_eq!((ended.len(), ended[0].cause), (1, Cause::Person));
    let later = approvals.find("0123456789").await.unwrap().end().await;
    assert_eq!((later.verdict, later.by.as_deref()), (Verdict::AllowOnce, Some("ann")));
}

#[tokio::test(start_paused = true)]
async fn silence_expires_a_question() {
    let (approvals, _stop, _tasks) = approvals();

    let waiter = approvals.put("q".to_owned(), json!({}), Duration::from_mins(2)).await.unwrap();

    assert_eq!(waiter.end().await.verdict, Verdict::Expired);
    assert!(approvals.list().await.is_empty());
    assert_eq!(approvals.resolve("q", Verdict::AllowOnce, "ann").await, Err(Unfit::Over(None)));
    assert_eq!(approvals.ended().await[0].cause, Cause::Time);
}

#[tokio::test]
async fn an_asker_that_goes_takes_its_question_along() {
    let (approvals, _stop, _tasks) = approvals();

    {
        let ask = approvals.ask(request("q"));
        tokio::pin!(ask);
        tokio::select! {
            biased;
            _ = &mut ask => panic!("nobody answers"),
            all = listed(&approvals, 1) => assert_eq!(all[0].request["command"], "rm x"),
        }
    }

    assert!(listed(&approvals, 0).await.is_empty());
    assert_eq!(approvals.ended().await[0].cause, Cause::Asker);
}

#[tokio::test]
async fn what_ended_is_remembered_as_far_as_a_person_saw_it_and_not_without_end() {
    let (approvals, _stop, _tasks) = approvals();
    let request = json!({"command": "x".repeat(1 << 20), "systemRunPlan": {"argv": ["x"]}});
    for n in 0..ENDED_MAX + 3 {
        let put = approvals.put(n.to_string(), request.clone(), Duration::from_mins(2));
        let waiter = put.await.unwrap();
        approvals.resolve(&n.to_string(), Verdict::Deny, "ann").await.unwrap();
        waiter.end().await;
    }

    let ended = approvals.ended().await;

    assert_eq!((ended.len(), &*ended[0].asked.id), (ENDED_MAX, "130"));
    assert_eq!(ended[0].asked.request["command"].as_str().unwrap().len(), ENDED_CHARS_MAX);
    assert!(ended[0].asked.request.get("systemRunPlan").is_none());
}

#[tokio::test]
async fn a_stop_answers_every_waiter_with_silence() {
    let (approvals, stop, mut tasks) = approvals();
    let waiter = approvals.put("q".to_owned(), json!({}), Duration::from_mins(2)).await.unwrap();

    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();

    assert_eq!(waiter.end().await.verdict, Verdict::Expired);
    assert_eq!(approvals.ask(request("r")).await, Verdict::Expired);
    assert_eq!(approvals.find("q").await.unwrap_err(), Unfit::Closing);
}

#[tokio::test]
async fn one_id_is_one_question_and_too_many_are_silence() {
    let (approvals, _stop, _tasks) = approvals();
    let patience = Duration::from_mins(2);
    let mut waiters = Vec::new();
    for n in 0..WAITING_MAX {
        waiters.push(approvals.put(n.to_string(), json!({}), patience).await.unwrap());
    }

    let taken = approvals.put("0".to_owned(), json!({}), patience).await;
    let surplus = approvals.put("x".to_owned(), json!({}), patience).await.unwrap();

    assert_eq!(taken.unwrap_err(), Unfit::Taken);
    assert_eq!(surplus.end().await.verdict, Verdict::Expired);
    assert_eq!(approvals.list().await.len(), WAITING_MAX);
}
