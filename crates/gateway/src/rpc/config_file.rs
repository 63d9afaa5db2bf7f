//! The config file in the hands of clients: read, checked against what they saw, rewritten.
//!
//! Not what an edit means: that is `config::Editor`'s.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use config::{Action, EditError, Edited, Editor, Loaded};
use protocol::Error;
use serde::Serialize;
use serde_json::{Value, json};

use super::{RpcError, config_get::issues};
use crate::{app::VERSION, state::Gateway};

/// Held from reading to writing, so that two clients cannot both replace the same text.
static WRITING: Mutex<()> = Mutex::new(());

/// An edit that is on the disk.
pub(super) struct Written {
    /// The file.
    pub(super) path: String,
    /// What it loads to now, secrets masked.
    pub(super) config: Value,
    /// What the change asks for.
    pub(super) restart: Restart,
}

/// What becomes of a change in the running gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restart {
    /// Whether the change is or gets into force without anybody's doing.
    ok: bool,
    pid: u32,
    /// `none`: no restart is needed; `emit`: the gateway restarts itself after the delay;
    /// `manual`: the reload mode forbids that.
    mode: &'static str,
    delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Reads the file as it is now.
pub(super) async fn read(gateway: &Arc<Gateway>) -> Result<Loaded, RpcError> {
    let gateway = Arc::clone(gateway);
    blocking(move || Ok(config::load(&gateway.locations, &gateway.env))).await
}

/// Changes the file by `edit`, which gets the editor and the present text, if it is still the
/// one that `base_hash` names.
pub(super) async fn write(
    gateway: &Arc<Gateway>,
    base_hash: Option<String>,
    edit: impl FnOnce(&Editor<'_>, &Loaded) -> Result<Edited, RpcError> + Send + 'static,
) -> Result<Written, RpcError> {
    change(gateway, move |editor, present| {
        check_hash(present, base_hash.as_deref())?;
        edit(editor, present)
    })
    .await
}

/// The same for a change that is right whatever the text is.
pub(super) async fn change(
    gateway: &Arc<Gateway>,
    edit: impl FnOnce(&Editor<'_>, &Loaded) -> Result<Edited, RpcError> + Send + 'static,
) -> Result<Written, RpcError> {
    let gateway = Arc::clone(gateway);
    blocking(move || {
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let present = config::load(&gateway.locations, &gateway.env);
        let editor = Editor {
            locations: &gateway.locations,
            env: &gateway.env,
            version: VERSION,
            now: gateway.clock.now(),
        };
        let edited = edit(&editor, &present)?;
        store::write_config(&present.snapshot.path, &edited.raw)
            .map_err(|cause| RpcError::internal("cannot write the config file", &cause))?;
        let restart = restart(&gateway, &edited.loaded);
        Ok(Written {
            path: present.snapshot.path.display().to_string(),
            config: config::redact_resolved(edited.loaded.snapshot.resolved, &edited.loaded.env),
            restart,
        })
    })
    .await
}

/// Takes `text` for the whole file.
pub(super) fn replace(
    editor: &Editor<'_>,
    present: &Loaded,
    text: &str,
) -> Result<Edited, RpcError> {
    // To the editor a blank text is an empty config, which is hardly what a client means.
    if text.trim().is_empty() {
        return Err(RpcError::invalid("config raw must be an object"));
    }
    let raw = present.snapshot.raw.as_deref().unwrap_or_default();
    editor.replace(raw, text).map_err(refusal)
}

/// What clients are told when an edit was not made.
pub(super) fn refusal(error: EditError) -> RpcError {
    match error {
        EditError::Invalid(problems) => {
            let details = json!({"issues": issues(&problems)});
            Error::invalid("invalid config").with_details(details).into()
        }
        EditError::Syntax(_)
        | EditError::NotFound(_)
        | EditError::Blocked(_)
        | EditError::NothingBehindMask(_)
        | _ => RpcError::invalid(error.to_string()),
    }
}

/// Paths of lists that `patch` would make shorter, without those of `allowed`.
pub(super) fn shrunk(present: &Value, patch: &Value, allowed: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    walk(present, patch, "", &mut found);
    found.retain(|path| !allowed.contains(path));
    found
}

fn walk(present: &Value, patch: &Value, place: &str, found: &mut Vec<String>) {
    match (present, patch) {
        (Value::Array(old), Value::Array(new)) if new.len() < old.len() => {
            found.push(place.to_owned());
        }
        (Value::Object(old), Value::Object(new)) => {
            for (key, patch) in new {
                let Some(present) = old.get(key) else { continue };
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                walk(present, patch, &place, found);
            }
        }
        _ => {}
    }
}

fn check_hash(present: &Loaded, sent: Option<&str>) -> Result<(), RpcError> {
    let snapshot = &present.snapshot;
    if !snapshot.exists {
        return Ok(());
    }
    if snapshot.raw.is_none() {
        return Err(stale("config base hash unavailable"));
    }
    match sent.map(str::trim).filter(|sent| !sent.is_empty()) {
        None => Err(stale("config base hash required")),
        Some(sent) if sent != snapshot.hash => Err(stale("config changed since last load")),
        Some(_) => Ok(()),
    }
}

fn stale(what: &str) -> RpcError {
    RpcError::invalid(format!("{what}; re-run config.get and retry"))
}

/// What the reloader will do about `new`, compared with what is in force.
fn restart(gateway: &Gateway, new: &Loaded) -> Restart {
    let reload = match &new.config {
        Some(config) => config.gateway.reload.clone(),
        None => gateway.config().gateway.reload.clone(),
    };
    let in_force = gateway.loaded.borrow().clone();
    let plan = config::plan(&in_force.snapshot.resolved, &new.snapshot.resolved, reload.mode);
    let is_refused = plan.is_refused(reload.mode);
    let (mode, reason) = match plan.action {
        _ if is_refused => {
            ("manual", Some(format!("waits for a restart by hand: {}", plan.changed.join(", "))))
        }
        Action::Restart => ("emit", Some(format!("config change: {}", plan.changed.join(", ")))),
        Action::Hot | Action::None => ("none", None),
    };
    let debounce_ms = u64::try_from(reload.debounce.as_millis()).unwrap_or(u64::MAX);
    Restart {
        ok: !is_refused,
        pid: std::process::id(),
        mode,
        delay_ms: if mode == "emit" { debounce_ms } else { 0 },
        reason,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(cause) => Err(RpcError::internal("cannot reach the config file", &cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_that_get_shorter_are_found() {
        let present = json!({"a": {"b": [1, 2]}, "c": [1], "d": [1, 2]});
        let patch = json!({"a": {"b": [3]}, "c": [1, 2], "d": null, "e": []});

        assert_eq!(shrunk(&present, &patch, &BTreeSet::new()), ["a.b"]);
        assert_eq!(shrunk(&present, &patch, &BTreeSet::from(["a.b".to_owned()])).len(), 0);
    }
}
