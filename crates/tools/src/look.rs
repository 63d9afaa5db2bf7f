//! Looks up the programs of a command on this machine, for `policy` to judge it by.

use std::path::PathBuf;

use domain::Run;
use policy::allowlist::{self, Program, Segment};
use sandbox::host::Whereabouts;

use crate::path;

/// Where a command would run on this machine.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Directory that it starts in when it does not say.
    pub workspace: String,
    /// Home directory.
    pub home: PathBuf,
    /// The `PATH` that it will see.
    pub path: String,
    /// Directories put before it.
    pub path_prepend: Vec<String>,
}

impl Scene {
    /// The directory that `run` starts in: the one it asks for if there is one.
    pub fn cwd(&self, run: &Run) -> String {
        let asked = run.workdir.as_deref().map(path::clean);
        let wanted = asked.map(|asked| path::absolute(&self.workspace, &asked));
        let wanted = wanted.map(|it| match it.strip_prefix("~/") {
            Some(rest) => self.home.join(rest).to_string_lossy().into_owned(),
            None => it,
        });
        wanted
            .filter(|it| Whereabouts::is_directory(it.as_ref()))
            .unwrap_or_else(|| self.workspace.clone())
    }

    /// The programs of `run`, one for each part of the command; none when the command is more
    /// than we understand.
    pub async fn programs(&self, run: &Run) -> Vec<Option<Program>> {
        let Some(segments) = allowlist::parse(&run.command) else { return Vec::new() };
        let (scene, run) = (self.clone(), run.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let at = Whereabouts {
                cwd: scene.cwd(&run).into(),
                home: scene.home.clone(),
                path: prepended(&scene.path_prepend, &scene.path),
            };
            segments.iter().map(|segment| program(segment, &at)).collect()
        });
        // Without a look nothing is found, which is a miss.
        looked.await.unwrap_or_default()
    }
}

fn program(segment: &Segment, at: &Whereabouts) -> Option<Program> {
    let located = at.locate(segment.program(), segment.has_tilde())?;
    let named = |word: &str| {
        let value = word.split_once('=').map_or("", |(_, value)| value);
        at.names_something(word) || at.names_something(value)
    };
    Some(Program {
        found: located.found.to_str()?.to_owned(),
        real: located.real.to_str()?.to_owned(),
        names_files: segment.arguments().iter().any(|word| named(&word.text)),
    })
}

fn prepended(directories: &[String], path: &str) -> String {
    let own = directories.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    own.chain([path]).collect::<Vec<_>>().join(":")
}
