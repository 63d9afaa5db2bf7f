//! The proof that a sandbox sees our directories and no others: a random file, put into each
//! managed directory on our side, must be read at its place by the sandbox.

use std::{fs::Permissions, io, os::unix::fs::PermissionsExt, path::Path};

use tokio::{fs, io::AsyncWriteExt};

use super::mounts::Managed;
use crate::backend::{Sandbox, SandboxError};

const TEXT_BYTES_MAX: u64 = 64;

/// What the proof came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every directory is the right one.
    Seen,
    /// The sandbox sees something else at this place.
    Unseen { ours: String, target: String },
    /// We, or the sandbox's user, may not look into this directory.
    Unreadable { ours: String, said: String },
}

/// Looks for a marker in every mount.
pub(crate) async fn prove(sandbox: &dyn Sandbox, managed: &[Managed]) -> Verdict {
    for mount in managed {
        let Some((name, text)) = marker() else { continue };
        let file = mount.ours.join(&name);
        if let Err(error) = put(&file, &text).await {
            if mount.writable {
                let ours = mount.ours.display().to_string();
                return Verdict::Unreadable { ours, said: error.to_string() };
            }
            // A directory that not even we may write to cannot be proven.
            tracing::debug!(path = %file.display(), %error, "no marker there");
            continue;
        }
        let place = format!("{}/{name}", mount.target);
        let read = sandbox.read(&place, TEXT_BYTES_MAX).await;
        if let Err(error) = fs::remove_file(&file).await {
            tracing::warn!(path = %file.display(), %error, "a marker file stays behind");
        }
        let ours = mount.ours.display().to_string();
        match read {
            Ok(bytes) if bytes == text.as_bytes() => {}
            Err(SandboxError::File { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                return Verdict::Unreadable { ours, said: source.to_string() };
            }
            Ok(_) => return Verdict::Unseen { ours, target: mount.target.clone() },
            Err(error) => {
                tracing::debug!(%place, %error, "marker not seen");
                return Verdict::Unseen { ours, target: mount.target.clone() };
            }
        }
    }
    Verdict::Seen
}

async fn put(file: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut open = options.write(true).create_new(true).mode(0o644).open(file).await?;
    // Whatever our umask: the sandbox's user is often another one.
    open.set_permissions(Permissions::from_mode(0o644)).await?;
    open.write_all(text.as_bytes()).await?;
    open.flush().await
}

fn marker() -> Option<(String, String)> {
    let mut seed = [0; 24];
    getrandom::fill(&mut seed).ok()?;
    let text = hex::encode(seed);
    Some((format!(".openclaw-proof-{}", &text[..16]), text[16..].to_owned()))
}
