//! The proof that a sandbox sees our directories and no others: a random file, put into each of
//! them on our side, must be read at its place by the sandbox.
//!
//! The directories are opened before anything is mounted and held until the proof is done
//! ([`Dir`]): whatever is put at their paths in between, the marker is in what was opened, and
//! a sandbox that was given something else does not see it. Proven are the managed mounts, and
//! the user's binds whose sources a sandbox could have replaced.

use std::{
    io,
    path::{Path, PathBuf},
};

use held::{Dir, Spot};

use super::{
    error::Error,
    mounts::{self, Managed},
};
use crate::{
    backend::{Sandbox, SandboxError},
    security::Violation,
};

const TEXT_BYTES_MAX: u64 = 64;

/// A directory that a sandbox must see at its place.
#[derive(Debug)]
pub(crate) struct Claim {
    held: Dir,
    /// Whether a sandbox may put something else at its path.
    is_exposed: bool,
    pub(crate) ours: PathBuf,
    pub(crate) target: String,
    writable: bool,
    /// As the user wrote it; `None` for a managed mount.
    bind: Option<String>,
}

/// What the proof came to.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// Every directory is the right one.
    Seen,
    /// The sandbox sees something else at this place.
    Unseen(&'a Claim),
    /// We, or the sandbox's user, may not look into this directory.
    Unreadable { claim: &'a Claim, said: String },
}

/// Opens what is to be proven. To be called before anything is mounted.
///
/// # Errors
///
/// [`Error::Directory`] and [`Error::Refused`] when a way leads over a link that a sandbox may
/// have made, or to something that cannot be proven.
pub(crate) async fn claims(
    managed: Vec<Managed>,
    binds: &[String],
    exposed: &[PathBuf],
) -> Result<Vec<Claim>, Error> {
    let (binds, exposed) = (binds.to_vec(), exposed.to_vec());
    let opened = tokio::task::spawn_blocking(move || open(managed, &binds, &exposed));
    opened.await.map_err(|_| Error::Closed)?
}

fn open(managed: Vec<Managed>, binds: &[String], exposed: &[PathBuf]) -> Result<Vec<Claim>, Error> {
    let mut claims = Vec::new();
    let kept = mounts::kept(binds, &managed);
    for Managed { ours, target, writable, .. } in managed {
        let spot = Spot::find(&ours, exposed).map_err(|error| directory(&ours, error.why))?;
        let is_exposed = spot.is_exposed;
        let held = spot.into_dir().map_err(|error| directory(&ours, error))?;
        claims.push(Claim { held, is_exposed, ours, target, writable, bind: None });
    }
    for (text, bind) in kept {
        let ours = PathBuf::from(&bind.source);
        let spot = match Spot::find(&ours, exposed) {
            Ok(spot) if spot.is_exposed => spot,
            Err(error) if error.is_exposed => {
                return Err(refused(text, &format!("its source is {}", error.why)));
            }
            // Nobody but the operator can have changed it; and we may not see it at all.
            Ok(_) | Err(_) => continue,
        };
        let Ok(held) = spot.into_dir() else {
            let rule = "in a directory that sandboxes write to, only directories can be bound";
            return Err(refused(text, rule));
        };
        let (target, bind) = (bind.target, Some(text.clone()));
        claims.push(Claim { held, is_exposed: true, ours, target, writable: true, bind });
    }
    Ok(claims)
}

/// Looks for a marker at every place.
pub(crate) async fn prove<'a>(sandbox: &dyn Sandbox, claims: &'a [Claim]) -> Verdict<'a> {
    for claim in claims {
        let Some((name, text)) = marker() else {
            return Verdict::Unreadable { claim, said: "no random bytes".to_owned() };
        };
        if let Err(error) = claim.held.create(&name, text.as_bytes(), (0o644, None)) {
            if claim.writable || claim.is_exposed {
                return Verdict::Unreadable { claim, said: error.to_string() };
            }
            // A directory that not even we may write to cannot be proven.
            tracing::debug!(path = %claim.ours.display(), %error, "no marker there");
            continue;
        }
        let place = format!("{}/{name}", claim.target.trim_end_matches('/'));
        let read = sandbox.read(&place, TEXT_BYTES_MAX).await;
        if let Err(error) = claim.held.remove_file(&name) {
            tracing::warn!(path = %claim.ours.display(), name, %error, "a marker stays behind");
        }
        match read {
            Ok(bytes) if bytes == text.as_bytes() => {}
            Err(SandboxError::File { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                return Verdict::Unreadable { claim, said: source.to_string() };
            }
            Ok(_) => return Verdict::Unseen(claim),
            Err(error) => {
                tracing::debug!(%place, %error, "marker not seen");
                return Verdict::Unseen(claim);
            }
        }
    }
    Verdict::Seen
}

impl Claim {
    /// Identity of the directory that was opened.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.held.identity()
    }

    /// Why the sandbox may not have what it was given instead of this directory, when that is
    /// a sandbox's doing; `None` when only the engine can tell where the path leads.
    pub(crate) fn swapped(&self, exposed: &[PathBuf]) -> Option<Error> {
        const REPLACED: &str = "it was replaced while the sandbox was made";
        if let Some(text) = &self.bind {
            return Some(refused(text, &format!("its source is not what was mounted: {REPLACED}")));
        }
        match Dir::find(&self.ours, exposed) {
            Ok(now) if now.identity() == self.identity() => None,
            Ok(_) => Some(directory(&self.ours, io::Error::other(REPLACED))),
            Err(error) => Some(directory(&self.ours, error.why)),
        }
    }
}

fn directory(path: &Path, source: io::Error) -> Error {
    Error::Directory { path: path.display().to_string(), source }
}

fn refused(bind: &str, rule: &str) -> Error {
    Error::Refused(Violation {
        key: "binds",
        value: bind.to_owned(),
        rule: rule.to_owned(),
        lifted_by: None,
    })
}

fn marker() -> Option<(String, String)> {
    let mut seed = [0; 24];
    getrandom::fill(&mut seed).ok()?;
    let text = hex::encode(seed);
    Some((format!(".openclaw-proof-{}", &text[..16]), text[16..].to_owned()))
}
