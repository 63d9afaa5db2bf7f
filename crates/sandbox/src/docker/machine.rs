//! A live container, and how it is reached.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::wall::Row;
use crate::{backend::Sandbox, boxed::Link};

/// How the inside of a container is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By our servant, over its input and output.
    Servant,
    /// By the engine's exec, since the servant cannot run there.
    EngineExec,
}

impl Reach {
    /// In a word, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Servant => "servant",
            Self::EngineExec => "engine-exec",
        }
    }

    /// In words, for `sandbox explain`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Servant => "through our servant inside the container",
            Self::EngineExec => {
                "through the engine's exec, which is slower: our servant is not installed or \
                 does not run on the image's architecture"
            }
        }
    }
}

/// A live container.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) reach: Reach,
    /// The way in, which knows when it is lost; `None` where nobody tells.
    pub(crate) way: Option<Way>,
    /// Identity of the directory that was proven to be at the working directory.
    pub(crate) place: Option<(u64, u64)>,
    /// What was found of the wall when it was taken hold of.
    pub(crate) wall: Arc<[Row]>,
}

/// A held pipe to a servant.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) link: Link,
    /// Cancelled once the pipe is closed.
    pub(crate) gone: CancellationToken,
}

impl Machine {
    /// Whether it is known to be of no more use.
    pub(crate) fn is_gone(&self) -> bool {
        self.way.as_ref().is_some_and(Way::is_lost)
    }

    /// Whether it is known to be live: a held pipe says so, an exec of the engine never does.
    pub(crate) fn is_held(&self) -> bool {
        self.way.as_ref().is_some_and(|way| !way.is_lost())
    }
}

impl Way {
    fn is_lost(&self) -> bool {
        self.gone.is_cancelled() || self.link.failure().is_some()
    }
}
