//! An engine that can be stopped without stopping the real one.

use std::path::{Path, PathBuf};

use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Passes a socket on to the engine's.
pub(crate) struct Proxy {
    path: PathBuf,
    stop: CancellationToken,
    _guard: DropGuard,
    running: JoinSet<()>,
}

impl Proxy {
    pub(crate) fn start(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let stopped = stop.clone();
        running.spawn(async move {
            let mut passing = JoinSet::new();
            let accept = async {
                while let Ok((mut client, _)) = listener.accept().await {
                    passing.spawn(async move {
                        let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                        copy_bidirectional(&mut client, &mut engine).await.ok();
                    });
                }
            };
            stopped.run_until_cancelled(accept).await;
        });
        let guard = stop.clone().drop_guard();
        Self { path: path.to_owned(), stop, _guard: guard, running }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Cuts all connections and takes the socket away.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
        std::fs::remove_file(&self.path).unwrap();
    }
}
