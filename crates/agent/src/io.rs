//! What turns act through. Shared by all sessions; holds handles, never a session's state.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use config::Config;
use domain::Clock;
use store::Store;
use tokio::sync::{mpsc, watch};

use crate::{Approver, Event, lane::Lane, notices::Notices, sandboxes::Engines};

/// Handles to the world.
pub(crate) struct Io {
    pub(crate) config: watch::Receiver<Arc<Config>>,
    pub(crate) store: Store,
    pub(crate) models: models::Models,
    pub(crate) backend: Arc<dyn sandbox::Backend>,
    pub(crate) sandboxes: Arc<Engines>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tools: tools::Registry,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) lane: Lane,
    pub(crate) notices: Arc<Notices>,
    pub(crate) place: Arc<Place>,
    pub(crate) ports: Ports,
}

impl Io {
    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The host's time zone, for resets and for the time in front of messages.
    pub(crate) fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.place.timezone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// What turns need of the world above, where there is one.
#[derive(Clone, Default)]
pub struct Ports {
    /// Puts questions to people; without it nobody can be asked.
    pub approver: Option<Arc<dyn Approver>>,
    /// Other machines that commands may run on.
    pub nodes: Option<Arc<dyn tools::ports::Nodes>>,
}

/// Where the process runs: plain facts, read once by whoever starts it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Environment for commands on the host.
    pub env: BTreeMap<String, String>,
    /// Home directory.
    pub home: PathBuf,
    /// Host name.
    pub host: String,
    /// Operating system and architecture, such as `linux (x86_64)`.
    pub os: String,
    /// IANA name of the host's time zone.
    pub timezone: String,
}
