//! The watcher, on real files.

use std::{sync::Arc, time::Duration};

use config::{Loaded, Reloader};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::home::Home;

const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    home: Home,
    tasks: TaskTracker,
    stop: CancellationToken,
    config: watch::Receiver<Arc<Loaded>>,
}

fn start(home: Home) -> Running {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let first = Arc::new(home.load());
    let config = Reloader::start(first, home.locations(), home.env.clone(), &tasks, stop.clone());
    Running { home, tasks, stop, config }
}

impl Running {
    /// Replaces the config as editors do.
    fn edit(&self, text: &str) {
        let fresh = self.home.path("openclaw.json.new");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.home.path("openclaw.json")).unwrap();
    }

    async fn port_after_change(&mut self) -> u16 {
        timeout(PATIENCE, self.config.changed()).await.expect("a change in time").unwrap();
        let loaded = self.config.borrow_and_update();
        loaded.config.as_ref().unwrap().gateway.port
    }

    async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait()).await.expect("the task ends");
    }
}

#[tokio::test]
async fn an_edit_is_seen_and_an_invalid_one_is_skipped() {
    let mut running =
        start(Home::new().config("{ gateway: { port: 1, reload: { debounceMs: 10 } } }"));

    running.edit("{ gateway: { port: 2, reload: { debounceMs: 10 } } }");
    assert_eq!(running.port_after_change().await, 2);

    // Whether the broken text is read in between or not, it is never handed out.
    running.edit("{ gateway: { port: 'broken' } }");
    running.edit("{ gateway: { port: 3, reload: { debounceMs: 10 } } }");
    assert_eq!(running.port_after_change().await, 3);
    running.finish().await;
}

#[tokio::test]
async fn an_included_file_is_watched_too() {
    let home = Home::new()
        .file("port.json", "{ port: 1, reload: { debounceMs: 10 } }")
        .config("{ gateway: { $include: 'port.json' } }");
    let mut running = start(home);

    std::fs::write(running.home.path("port.json"), "{ port: 22, reload: { debounceMs: 10 } }")
        .unwrap();

    assert_eq!(running.port_after_change().await, 22);
    running.finish().await;
}
