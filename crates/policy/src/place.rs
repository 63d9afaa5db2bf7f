//! Where do a session's tools run?

use config::SandboxMode;
use domain::SessionKey;

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

#[cfg(test)]
mod tests {
    use super::*;

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
