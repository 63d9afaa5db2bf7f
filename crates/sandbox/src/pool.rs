//! Which containers are live, and the one thing that happens to each at a time.
//!
//! ```text
//!  ensure, remove ──► mailbox ──► task ──► slot of the name ──► job, with what is live
//!                                  ▲                               │
//!                                  └───────── what is live now ────┘
//! ```
//!
//! The task never waits for Docker: jobs run beside it, one per name.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::docker::ensure::Live;

/// Jobs on their way to the task; a full mailbox makes the asker wait.
const MAIL_MAX: usize = 64;
/// Jobs that wait for one name; further ones are dropped, which tells their asker.
const WAITING_MAX: usize = 64;

type Work = Pin<Box<dyn Future<Output = Option<Live>> + Send>>;
type Job = Box<dyn FnOnce(Option<Live>) -> Work + Send>;

struct Mail {
    name: String,
    job: Job,
}

/// Handle of the task.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    mailbox: mpsc::Sender<Mail>,
}

/// The pool is shut down, or too many wait for one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Pool {
    pub(crate) fn new(tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAIL_MAX);
        tasks.spawn(Task::default().run(inbox, stop));
        Self { mailbox }
    }

    /// Runs `job` when its turn at `name` comes. It gets what is live there and says what is
    /// live after it.
    pub(crate) async fn submit<F, W>(&self, name: &str, job: F) -> Result<(), Refused>
    where
        F: FnOnce(Option<Live>) -> W + Send + 'static,
        W: Future<Output = Option<Live>> + Send + 'static,
    {
        let job: Job = Box::new(move |live| Box::pin(job(live)));
        self.mailbox.send(Mail { name: name.to_owned(), job }).await.map_err(|_| Refused)
    }
}

#[derive(Default)]
struct Task {
    slots: HashMap<String, Slot>,
    running: JoinSet<Option<Live>>,
    names: HashMap<Id, String>,
}

#[derive(Default)]
struct Slot {
    live: Option<Live>,
    waiting: VecDeque<Job>,
    is_busy: bool,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Mail>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.running.join_next_with_id() => match ended {
                    Ok((id, live)) => self.finish(id, live),
                    // A job that panicked took what was live along.
                    Err(error) => self.finish(error.id(), None),
                },
                mail = inbox.recv() => match mail {
                    Some(mail) => self.take(mail),
                    None => break,
                },
            }
        }
        // Half-made containers are worse than a moment's patience.
        self.slots.clear();
        while self.running.join_next().await.is_some() {}
    }

    fn take(&mut self, mail: Mail) {
        let slot = self.slots.entry(mail.name.clone()).or_default();
        if slot.waiting.len() < WAITING_MAX {
            slot.waiting.push_back(mail.job);
        }
        self.start(&mail.name);
    }

    fn finish(&mut self, id: Id, live: Option<Live>) {
        let Some(name) = self.names.remove(&id) else { return };
        if let Some(slot) = self.slots.get_mut(&name) {
            slot.live = live;
            slot.is_busy = false;
            if slot.live.is_none() && slot.waiting.is_empty() {
                self.slots.remove(&name);
                return;
            }
        }
        self.start(&name);
    }

    fn start(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name).filter(|slot| !slot.is_busy) else { return };
        let Some(job) = slot.waiting.pop_front() else { return };
        slot.is_busy = true;
        let task = self.running.spawn(job(slot.live.take()));
        self.names.insert(task.id(), name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::{Barrier, oneshot};

    use super::*;

    fn pool() -> (Pool, TaskTracker, CancellationToken) {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        (Pool::new(&tasks, stop.clone()), tasks, stop)
    }

    #[tokio::test]
    async fn jobs_of_one_name_never_overlap() {
        let (pool, ..) = pool();
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut ends = Vec::new();
        for _ in 0..10 {
            let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
            let (end, ended) = oneshot::channel();
            let job = async move |_| {
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                end.send(()).ok();
                None
            };
            pool.submit("a", job).await.unwrap();
            ends.push(ended);
        }

        for ended in ends {
            ended.await.unwrap();
        }

        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn jobs_of_different_names_run_at_once() {
        let (pool, ..) = pool();
        let barrier = Arc::new(Barrier::new(3));
        for name in ["a", "b"] {
            let barrier = Arc::clone(&barrier);
            let job = async move |_| {
                barrier.wait().await;
                None
            };
            pool.submit(name, job).await.unwrap();
        }

        barrier.wait().await;
    }

    #[tokio::test]
    async fn a_job_that_panics_frees_its_name() {
        let (pool, ..) = pool();
        pool.submit("a", async |_| panic!("as meant")).await.unwrap();
        let (end, ended) = oneshot::channel();
        let job = async move |_| {
            end.send(()).ok();
            None
        };

        pool.submit("a", job).await.unwrap();

        ended.await.unwrap();
    }

    #[tokio::test]
    async fn stopping_waits_for_what_runs_and_refuses_the_rest() {
        let (pool, tasks, stop) = pool();
        let (go, going) = oneshot::channel::<()>();
        let (end, mut ended) = oneshot::channel();
        let (started, start) = oneshot::channel();
        let job = async move |_| {
            started.send(()).ok();
            going.await.ok();
            end.send(()).ok();
            None
        };
        pool.submit("a", job).await.unwrap();
        start.await.unwrap();

        stop.cancel();
        go.send(()).unwrap();
        tasks.close();
        tasks.wait().await;

        assert_eq!(ended.try_recv(), Ok(()));
        assert_eq!(pool.submit("a", async |_| None).await, Err(Refused));
    }
}
