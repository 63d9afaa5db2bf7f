//! Where do a session's tools run?

use std::path::{Path, PathBuf};

use config::SandboxMode;
use domain::SessionKey;

use crate::judge::Writes;

/// Where tools run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the machine that the gateway runs on.
    Host,
    /// In a sandbox.
    Sandbox,
}

/// Says where the tools of `session` run. The rule is `sandbox.mode`.
pub fn place(mode: SandboxMode, session: &SessionKey, main_key: &str) -> Place {
    match mode {
        SandboxMode::Off => Place::Host,
        SandboxMode::NonMain if session.is_main(main_key) => Place::Host,
        SandboxMode::NonMain | SandboxMode::All => Place::Sandbox,
    }
}

/// Where calls write on the host.
#[derive(Clone, Copy, Debug)]
pub struct Area<'a> {
    /// How far the call may go.
    pub writes: Writes,
    /// The agent's workspace.
    pub workspace: &'a Path,
    /// The gateway's own: its state directory, its config file. A workspace may lie in there.
    pub own: &'a [PathBuf],
}

impl Area<'_> {
    /// Whether the call may write to `path`, which is absolute and without links.
    pub fn holds(&self, path: &Path) -> bool {
        let is_inside = path.starts_with(self.workspace);
        let is_own = |own: &PathBuf| {
            let lies_within = self.workspace.starts_with(own) && self.workspace != own;
            path.starts_with(own) && !(is_inside && lies_within)
        };
        let is_foreign = !self.own.iter().any(is_own);
        match self.writes {
            Writes::Anywhere => true,
            Writes::ExceptOwn => is_foreign,
            Writes::Workspace => is_foreign && is_inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_call_writes_in_the_workspace_and_never_in_the_gateways_own() {
        let own = ["/h/.openclaw".into(), "/h/.openclaw/openclaw.json".into()];
        let area = |workspace, writes| Area { writes, workspace: Path::new(workspace), own: &own };
        let usual = area("/h/.openclaw/workspace", Writes::Workspace);
        let home = area("/h", Writes::Workspace);
        let listed = area("/h/.openclaw/workspace", Writes::ExceptOwn);

        assert!(usual.holds(Path::new("/h/.openclaw/workspace/a/b")));
        assert!(home.holds(Path::new("/h/notes.md")));
        for path in ["/h/.openclaw/openclaw.json", "/h/.openclaw/agents/x", "/etc/passwd"] {
            assert!(!usual.holds(Path::new(path)) && !home.holds(Path::new(path)), "{path}");
        }
        assert!(!usual.holds(Path::new("/h/.openclaw/workspace2")));
        assert!(
            listed.holds(Path::new("/etc/x"))
                && listed.holds(Path::new("/h/.openclaw/workspace/x"))
        );
        assert!(!listed.holds(Path::new("/h/.openclaw/exec-approvals.json")));
    }

    #[test]
    fn only_the_main_session_stays_outside_in_non_main() {
        let main = SessionKey::stored("agent:a:main");
        let group = SessionKey::stored("agent:a:telegram:group:1");

        assert_eq!(place(SandboxMode::Off, &group, "main"), Place::Host);
        assert_eq!(place(SandboxMode::NonMain, &main, "main"), Place::Host);
        assert_eq!(place(SandboxMode::NonMain, &group, "main"), Place::Sandbox);
        assert_eq!(place(SandboxMode::All, &main, "main"), Place::Sandbox);
    }
}
