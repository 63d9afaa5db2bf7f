//! `reasoning_details`: thinking with signatures, as routers pass it on. It goes back as one list.

use serde_json::{Map, Value};

use crate::{
    draft::{Block, Draft},
    fault::Fault,
    lenient::{Raw, few},
};

/// Fields that come in pieces.
const GROWING: [&str; 4] = ["text", "summary", "data", "signature"];

/// The details so far; pieces of one index are one.
#[derive(Default)]
pub(super) struct Details(Vec<Map<String, Value>>);

impl Details {
    /// Takes in the details of one event.
    pub(super) fn add(&mut self, raw: Raw<'_>, draft: &mut Draft) -> Result<(), Fault> {
        let Some(json) = raw else { return Ok(()) };
        draft.spend(json.get().len())?;
        for piece in few::<Map<String, Value>>(raw) {
            let key = |it: &Map<String, Value>| (it.get("type").cloned(), it.get("index").cloned());
            match self.0.last_mut().filter(|last| key(last) == key(&piece)) {
                Some(last) => grow(last, piece),
                None => self.0.push(piece),
            }
        }
        Ok(())
    }

    /// Puts them with the thinking of `draft`, to be sent back.
    pub(super) fn sign(&mut self, draft: &mut Draft) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let details = std::mem::take(&mut self.0).into_iter().map(Value::Object).collect();
        let signed = Some(Value::Array(details).to_string());
        for block in draft.iter_mut() {
            if let Block::Thinking { signature, .. } = block {
                *signature = signed;
                return Ok(());
            }
        }
        let block = Block::Thinking { text: String::new(), signature: signed, redacted: false };
        draft.begin(None, block).map(|_| ())
    }
}

fn grow(known: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (name, value) in piece {
        match (known.get_mut(&name), value) {
            (Some(Value::String(known)), Value::String(more)) if GROWING.contains(&&*name) => {
                known.push_str(&more);
            }
            (_, Value::Null) => {}
            (_, value) => {
                known.insert(name, value);
            }
        }
    }
}
