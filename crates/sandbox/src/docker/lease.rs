//! The sandbox that a turn holds: the container of its scope, opened again when it was lost.
//!
//! A container that somebody has frozen (`docker pause`) keeps its pipe and says nothing. So a
//! call that is not answered soon has it looked at and thawed; one that is pays for a timer.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use boxd::Failure;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Backend,
    machine::{Machine, Reach},
    recent::Ticket,
    settings::Settings,
};
use crate::backend::{Command, Running, Sandbox, SandboxError, Stat};

/// How long a call may be without an answer before its container is looked at, at first.
const QUIET_MIN: Duration = Duration::from_millis(300);
/// The same in the end: a large file takes its time.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// How long a servant may take to end after it said so.
const LEAVING_MAX: Duration = Duration::from_secs(6);

/// A turn's hold on its container.
pub(super) struct Lease {
    backend: Backend,
    settings: Arc<Settings>,
    current: Mutex<Machine>,
    /// Set by a failure where no held pipe would tell that the container is gone.
    is_doubtful: AtomicBool,
}

impl Lease {
    pub(super) fn new(backend: Backend, settings: Arc<Settings>, machine: Machine) -> Self {
        let current = Mutex::new(machine);
        Self { backend, settings, current, is_doubtful: AtomicBool::new(false) }
    }

    pub(super) fn reach(&self) -> Reach {
        self.held().reach
    }

    fn held(&self) -> Machine {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The container, live as far as is known.
    async fn live(&self) -> Result<Arc<dyn Sandbox>, SandboxError> {
        let held = self.held();
        if !held.is_gone() && !self.is_doubtful.swap(false, Ordering::Relaxed) {
            return Ok(held.sandbox);
        }
        let machine = self.backend.machine(&self.settings).await?;
        let sandbox = Arc::clone(&machine.sandbox);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = machine;
        Ok(sandbox)
    }

    /// Waits for an answer, and has the container thawed while there is none.
    async fn answered<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut quiet = QUIET_MIN;
        loop {
            if let Ok(answer) = timeout(quiet, &mut call).await {
                return answer;
            }
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.backend.thaw(&self.settings) => {}
            }
            quiet = QUIET_MAX.min(quiet * 2);
        }
    }

    /// Hands on how a command ends, and notes it on the way.
    fn watched(&self, mut running: Running, noted: Ticket) -> Running {
        let (sender, receiver) = oneshot::channel();
        let exit = std::mem::replace(&mut running.exit, receiver);
        self.backend.known.options.tasks.spawn(async move {
            // Without a word the command's machine is gone: then the other end hears nothing too.
            if let Ok(exit) = exit.await {
                noted.end(exit);
                sender.send(exit).ok();
            }
        });
        running
    }

    /// Makes a call, and makes it once more in a container that was started anew when the
    /// servant did nothing because its limits were changed from inside.
    async fn call<T, F>(&self, make: impl Fn(Arc<dyn Sandbox>) -> F) -> Result<T, SandboxError>
    where
        F: Future<Output = Result<T, SandboxError>>,
    {
        let outcome = self.answered(make(self.live().await?)).await;
        if !outcome.as_ref().is_err_and(is_altered) {
            return self.note(outcome);
        }
        let container = self.backend.name_of(&self.settings);
        tracing::warn!(%container, "a process has changed its servant's limits: started anew");
        self.ended().await;
        let outcome = self.answered(make(self.live().await?)).await;
        self.note(outcome)
    }

    /// Waits until the servant has gone, as it said it would; ends the link if it does not.
    async fn ended(&self) {
        let Some(way) = self.held().way else { return };
        if timeout(LEAVING_MAX, way.link.closed()).await.is_err() {
            way.link.close();
        }
    }

    fn note<T>(&self, outcome: Result<T, SandboxError>) -> Result<T, SandboxError> {
        if let Err(SandboxError::Spawn { .. } | SandboxError::File { .. }) = outcome
            && self.reach() == Reach::EngineExec
        {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

#[async_trait]
impl Sandbox for Lease {
    fn workdir(&self) -> &str {
        &self.settings.container.workdir
    }

    async fn exec(&self, command: Command) -> Result<Running, SandboxError> {
        let noted = self.backend.recent.begin(&self.backend.name_of(&self.settings), &command.line);
        let command = &command;
        let started = self.call(|sandbox| async move { sandbox.exec(command.clone()).await });
        Ok(self.watched(started.await?, noted))
    }

    async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SandboxError> {
        self.call(|sandbox| async move { sandbox.read(path, bytes_max).await }).await
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        self.call(|sandbox| async move { sandbox.write(path, bytes).await }).await
    }

    async fn remove(&self, path: &str) -> Result<(), SandboxError> {
        self.call(|sandbox| async move { sandbox.remove(path).await }).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, SandboxError> {
        self.call(|sandbox| async move { sandbox.stat(path).await }).await
    }
}

fn is_altered(error: &SandboxError) -> bool {
    let (SandboxError::Spawn { source, .. } | SandboxError::File { source, .. }) = error else {
        return false;
    };
    let inner = source.get_ref().and_then(|it| it.downcast_ref::<Failure>());
    inner == Some(&Failure::Altered)
}
