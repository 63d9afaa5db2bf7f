//! What a call brings before its end: pieces of text, in order, for whoever made the call.

use std::{fmt, sync::Arc};

use domain::ConnId;

use super::Nodes;

/// Hears pieces of what a call brings. They are a foretaste: the answer has the whole.
#[derive(Clone, Default)]
pub(crate) struct Listener(Option<Arc<Hear>>);

type Hear = dyn Fn(&Piece<'_>) + Send + Sync;

/// A piece of what a call brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// The call, as its node knows it.
    pub(crate) id: &'a str,
    /// The node.
    pub(crate) node: &'a str,
    /// Counts the pieces.
    pub(crate) seq: u64,
    /// The text.
    pub(crate) text: &'a str,
}

impl Listener {
    /// Hears by `hear`, which must not wait for anything.
    pub(crate) fn new(hear: impl Fn(&Piece<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

impl Nodes {
    /// Takes a piece of what a call brings; says whether anybody could hear it. What comes twice
    /// or late is not told.
    pub(crate) fn progress(&self, conn: &ConnId, id: &str, seq: u64, text: &str) -> bool {
        let mut state = self.lock();
        let of = |it: &&mut super::Call| it.id == id && it.conn == *conn;
        let Some(call) = state.calls.values_mut().find(of) else { return false };
        if seq < call.piece || call.outcome.borrow().is_some() {
            return false;
        }
        call.piece = seq.saturating_add(1);
        let (listener, node) = (call.listener.clone(), call.node.clone());
        drop(state);
        let Some(hear) = listener.0 else { return false };
        hear(&Piece { id, node: &node, seq, text });
        true
    }
}
