//! Where a call writes on the host: what its paths come to on the disk, held against the area
//! that policy leaves it.
//!
//! A link can be changed between this look and the write only by a program on the host.

use std::path::{Component, Path, PathBuf};

use domain::Effect;
use policy::{Denied, Writes, place::Area};

use crate::brief::Brief;

/// The refusal of a call that would write elsewhere than it may.
pub(crate) async fn denied(
    tool: &str,
    effect: &Effect,
    writes: Writes,
    brief: &Brief,
) -> Option<Denied> {
    let Effect::Write { paths } = effect else { return None };
    if writes == Writes::Anywhere {
        return None;
    }
    let workspace = brief.agent().workspace.clone();
    let own = [brief.place.state_dir.clone(), brief.place.config_path.clone()];
    let home = brief.place.home.clone();
    let paths = paths.clone();
    let outside = tokio::task::spawn_blocking(move || {
        let workspace = real(&workspace);
        let own = own.map(|path| real(&path));
        let area = Area { writes, workspace: &workspace, own: &own };
        paths.into_iter().find(|path| !area.holds(&real(&absolute(path, &workspace, &home))))
    })
    .await
    // A look that was cut off has shown nothing.
    .unwrap_or_else(|_| Some(String::new()))?;
    Some(Denied {
        tool: tool.to_owned(),
        rule: "tools.exec".to_owned(),
        explanation: Some(format!(
            "`{outside}` is {}: writing goes no further than the commands that may run",
            match writes {
                Writes::Anywhere | Writes::ExceptOwn => "the gateway's own",
                Writes::Workspace => "outside of the workspace, or the gateway's own",
            }
        )),
    })
}

/// `path` as the file tools take it.
fn absolute(path: &str, workspace: &Path, home: &Path) -> PathBuf {
    match path.trim().trim_start_matches('@').strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        Some(_) | None => workspace.join(path.trim().trim_start_matches('@')),
    }
}

/// `path` with its links followed as far as it exists, and what does not exist taken by text.
fn real(path: &Path) -> PathBuf {
    let mut at = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                at.pop();
            }
            Component::Prefix(_) | Component::RootDir => at.push(part),
            Component::Normal(name) => {
                at.push(name);
                at = resolved(at);
            }
        }
    }
    at
}

/// Where the link at `path` leads, even to nothing; else `path` itself.
fn resolved(path: PathBuf) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match path.read_link() {
        // A file would be made where the link points.
        Ok(target) => match path.parent() {
            Some(parent) => parent.join(target),
            None => target,
        },
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_also_those_that_lead_to_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        symlink("/etc", root.join("dir")).unwrap();
        symlink("/nowhere/file", root.join("dangling")).unwrap();

        assert_eq!(real(&root.join("dir/new")), Path::new("/etc/new"));
        assert_eq!(real(&root.join("dangling")), Path::new("/nowhere/file"));
        assert_eq!(real(&root.join("a/../b/new")), root.join("b/new"));
    }

    #[test]
    fn paths_are_taken_as_the_tools_take_them() {
        let (workspace, home) = (Path::new("/w"), Path::new("/h"));

        assert_eq!(absolute(" @~/x ", workspace, home), Path::new("/h/x"));
        assert_eq!(absolute("~", workspace, home), Path::new("/h"));
        assert_eq!(absolute("~bob/x", workspace, home), Path::new("/w/~bob/x"));
        assert_eq!(absolute("/etc/x", workspace, home), Path::new("/etc/x"));
    }
}
