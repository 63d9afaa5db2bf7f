//! An engine that can be stopped without stopping the real one, and whose requests can be
//! waited for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Who is about to hear a piece of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearer {
    Engine,
    Gateway,
}

/// Is shown each piece before it is passed on.
pub(crate) type Hook = Arc<dyn Fn(Hearer, &str) + Send + Sync>;

/// Passes a socket on to the engine's.
pub(crate) struct Proxy {
    path: PathBuf,
    stop: CancellationToken,
    _guard: DropGuard,
    running: JoinSet<()>,
}

impl Proxy {
    pub(crate) fn start(path: &Path) -> Self {
        Self::with_hook(path, Arc::new(|_, _| {}))
    }

    pub(crate) fn with_hook(path: &Path, hook: Hook) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let stopped = stop.clone();
        running.spawn(async move {
            let mut passing = JoinSet::new();
            let accept = async {
                while let Ok((mut client, _)) = listener.accept().await {
                    let hook = Arc::clone(&hook);
                    passing.spawn(async move {
                        let mut engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                        let (from_client, to_client) = client.split();
                        let (from_engine, to_engine) = engine.split();
                        tokio::join!(
                            pass(from_client, to_engine, |piece| hook(Hearer::Engine, piece)),
                            pass(from_engine, to_client, |piece| hook(Hearer::Gateway, piece)),
                        );
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

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    hook: impl Fn(&str),
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut piece).await {
        hook(&String::from_utf8_lossy(&piece[..count]));
        let is_over = count == 0 || to.write_all(&piece[..count]).await.is_err();
        if is_over {
            break;
        }
    }
    to.shutdown().await.ok();
}
