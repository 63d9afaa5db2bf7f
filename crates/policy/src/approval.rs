//! What a command on a host needs before it runs: nothing, a person's word, or more than anyone
//! can give. (`spec: tools` §5.4)
//!
//! The config, the call and the machine's approvals file all have a say; the strictest wins.

use config::{ExecAsk, ExecSecurity, HostExec};
use domain::{ExecApprovals, Run};

use crate::allowlist::{self, Finding, Lists, Program};

/// The agent's name for "all agents" in the file.
const EVERYONE: &str = "*";

/// What holds on one machine for one agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Which commands may run.
    pub security: ExecSecurity,
    /// When a person is asked.
    pub ask: ExecAsk,
    /// What may run when nobody answers.
    pub fallback: ExecSecurity,
    /// What may run without a question.
    pub lists: Lists,
}

impl Default for Rules {
    fn default() -> Self {
        Self::of(&ExecApprovals::default(), "", HostExec::default())
    }
}

/// What a person said, or that nobody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This once.
    AllowOnce,
    /// This and every time from now on.
    AllowAlways,
    /// No.
    Deny,
    /// Nobody answered in time.
    Expired,
    /// Nobody could be asked.
    Unasked,
}

impl Verdict {
    /// The verdict of that name; only those that a person can give.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            "allow-once" => Some(Self::AllowOnce),
            "allow-always" => Some(Self::AllowAlways),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }

    /// Its name; `None` when nobody gave it.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::AllowOnce => Some("allow-once"),
            Self::AllowAlways => Some("allow-always"),
            Self::Deny => Some("deny"),
            Self::Expired | Self::Unasked => None,
        }
    }
}

/// What a command needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it may run.
    Nothing(Finding),
    /// A person's word.
    Word(Finding),
    /// It may not run, for this reason.
    Refused(&'static str),
}

impl Rules {
    /// The rules of `file` for `agent`. What the file leaves open is `asked`'s to say; where it
    /// says something, the stricter of both holds.
    pub fn of(file: &ExecApprovals, agent: &str, asked: HostExec) -> Self {
        let scopes = [file.agents.get(agent), file.agents.get(EVERYONE)];
        let security = scopes
            .iter()
            .flatten()
            .find_map(|it| it.security.as_deref())
            .or(file.defaults.security.as_deref());
        let ask = scopes
            .iter()
            .flatten()
            .find_map(|it| it.ask.as_deref())
            .or(file.defaults.ask.as_deref());
        let fallback = scopes
            .iter()
            .flatten()
            .find_map(|it| it.ask_fallback.as_deref())
            .or(file.defaults.ask_fallback.as_deref());
        // A word we do not know is as strict as can be: it was not written to allow more.
        let own_security = security.map(|it| ExecSecurity::parse(it).unwrap_or(ExecSecurity::Deny));
        let own_ask = ask.map(|it| ExecAsk::parse(it).unwrap_or(ExecAsk::Always));
        let entries = [file.agents.get(EVERYONE), file.agents.get(agent)];
        Self {
            security: own_security.map_or(asked.security, |own| own.min(asked.security)),
            ask: own_ask.map_or(asked.ask, |own| own.max(asked.ask)),
            fallback: fallback.and_then(ExecSecurity::parse).unwrap_or(ExecSecurity::Deny),
            lists: Lists {
                entries: entries.iter().flatten().flat_map(|it| it.allowlist.clone()).collect(),
                ..Lists::default()
            },
        }
    }

    /// The same, as strict as the call wishes.
    pub(crate) fn tightened(&self, run: &Run) -> (ExecSecurity, ExecAsk) {
        let security = run.security.as_deref().and_then(ExecSecurity::parse);
        let ask = run.ask.as_deref().and_then(ExecAsk::parse);
        (
            security.map_or(self.security, |wish| wish.min(self.security)),
            ask.map_or(self.ask, |wish| wish.max(self.ask)),
        )
    }

    /// What `run` needs. `programs` are those of its segments, as found on the machine.
    pub fn need(&self, run: &Run, programs: &[Option<Program>]) -> Need {
        let (security, ask) = self.tightened(run);
        if security == ExecSecurity::Deny {
            return Need::Refused("security=deny");
        }
        let finding = self.finding(run, programs);
        let is_asked = match ask {
            ExecAsk::Always => true,
            ExecAsk::OnMiss => security == ExecSecurity::Allowlist && !finding.satisfied,
            ExecAsk::Off => false,
        };
        if is_asked {
            Need::Word(finding)
        } else if security == ExecSecurity::Allowlist && !finding.satisfied {
            Need::Refused("allowlist miss")
        } else {
            Need::Nothing(finding)
        }
    }

    fn finding(&self, run: &Run, programs: &[Option<Program>]) -> Finding {
        match allowlist::parse(&run.command) {
            // Variables can change what a listed program does, so no entry covers them.
            Some(segments) if run.sets_env => Finding {
                satisfied: false,
                to_remember: None,
                ..allowlist::check(&segments, programs, &self.lists)
            },
            Some(segments) => allowlist::check(&segments, programs, &self.lists),
            None => Finding::default(),
        }
    }

    /// Whether the disk must be looked at before [`Self::need`] can answer.
    pub fn needs_look(&self, run: &Run) -> bool {
        let (security, ask) = self.tightened(run);
        security == ExecSecurity::Allowlist
            || (security == ExecSecurity::Full && ask == ExecAsk::Always)
    }
}

/// Why a command may not run after it was asked about; `None` when it may.
pub fn settle(verdict: Verdict, fallback: ExecSecurity, satisfied: bool) -> Option<&'static str> {
    let unanswered = match verdict {
        Verdict::AllowOnce | Verdict::AllowAlways => return None,
        Verdict::Deny => return Some("user-denied"),
        Verdict::Expired => "approval-timeout",
        Verdict::Unasked => "approval-request-failed",
    };
    match fallback {
        ExecSecurity::Full => None,
        ExecSecurity::Allowlist if satisfied => None,
        ExecSecurity::Allowlist => Some("approval-timeout (allowlist-miss)"),
        ExecSecurity::Deny => Some(unanswered),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(value: serde_json::Value) -> ExecApprovals {
        serde_json::from_value(value).unwrap()
    }

    fn asked(security: ExecSecurity, ask: ExecAsk) -> HostExec {
        HostExec { security, ask }
    }

    fn run(command: &str) -> Run {
        Run { command: command.to_owned(), ..Run::default() }
    }

    fn found(name: &str) -> Program {
        let path = format!("/usr/bin/{name}");
        Program { found: path.clone(), real: path, names_files: false }
    }

    #[test]
    fn what_the_file_leaves_open_is_the_configs_to_say() {
        let rules = Rules::of(&file(json!({})), "main", asked(ExecSecurity::Full, ExecAsk::OnMiss));

        assert_eq!((rules.security, rules.ask), (ExecSecurity::Full, ExecAsk::OnMiss));
        assert_eq!(rules.fallback, ExecSecurity::Deny);
    }

    #[test]
    fn the_stricter_of_file_and_config_holds_and_an_agents_own_words_come_first() {
        let file = file(json!({
            "version": 1,
            "defaults": {"security": "deny", "ask": "off"},
            "agents": {
                "*": {"security": "full", "ask": "always", "allowlist": [{"pattern": "/a"}]},
                "main": {"security": "allowlist", "allowlist": [{"pattern": "/b"}]},
            },
        }));
        let open = asked(ExecSecurity::Full, ExecAsk::Off);

        let main = Rules::of(&file, "main", open);
        let other = Rules::of(&file, "other", open);
        let closed = Rules::of(&file, "other", asked(ExecSecurity::Deny, ExecAsk::Off));

        assert_eq!((main.security, main.ask), (ExecSecurity::Allowlist, ExecAsk::Always));
        let patterns: Vec<&str> = main.lists.entries.iter().map(|it| &*it.pattern).collect();
        assert_eq!(patterns, ["/a", "/b"]);
        assert_eq!((other.security, other.ask), (ExecSecurity::Full, ExecAsk::Always));
        assert_eq!(closed.security, ExecSecurity::Deny);
    }

    #[test]
    fn a_word_that_nobody_knows_is_as_strict_as_can_be() {
        let file = file(json!({"defaults": {"security": "some", "ask": "maybe"}}));

        let rules = Rules::of(&file, "main", HostExec::default());

        assert_eq!((rules.security, rules.ask), (ExecSecurity::Deny, ExecAsk::Always));
    }

    #[test]
    fn a_call_makes_things_stricter_and_never_looser() {
        let rules =
            Rules::of(&file(json!({})), "main", asked(ExecSecurity::Allowlist, ExecAsk::OnMiss));
        let wish = |security: &str, ask: &str| Run {
            security: Some(security.to_owned()),
            ask: Some(ask.to_owned()),
            ..run("ls")
        };

        assert_eq!(
            rules.tightened(&wish("full", "off")),
            (ExecSecurity::Allowlist, ExecAsk::OnMiss)
        );
        assert_eq!(rules.tightened(&wish("deny", "always")), (ExecSecurity::Deny, ExecAsk::Always));
    }

    #[test]
    fn what_a_command_needs_follows_from_security_ask_and_list() {
        use ExecAsk::{Always, Off, OnMiss};
        use ExecSecurity::{Allowlist, Deny, Full};
        let listed = file(json!({"agents": {"main": {"allowlist": [{"pattern": "/usr/bin/ls"}]}}}));
        let of = |security, ask, command: &str, name: &str| {
            let rules = Rules::of(&listed, "main", asked(security, ask));
            match rules.need(&run(command), &[Some(found(name))]) {
                Need::Nothing(_) => "runs",
                Need::Word(_) => "asks",
                Need::Refused(why) => why,
            }
        };

        assert_eq!(of(Full, Off, "rm -rf x", "rm"), "runs");
        assert_eq!(of(Full, OnMiss, "rm -rf x", "rm"), "runs");
        assert_eq!(of(Full, Always, "ls", "ls"), "asks");
        assert_eq!(of(Allowlist, Off, "ls", "ls"), "runs");
        assert_eq!(of(Allowlist, Off, "rm x", "rm"), "allowlist miss");
        assert_eq!(of(Allowlist, OnMiss, "ls -l", "ls"), "runs");
        assert_eq!(of(Allowlist, OnMiss, "rm x", "rm"), "asks");
        assert_eq!(of(Allowlist, OnMiss, "ls > x", "ls"), "asks");
        assert_eq!(of(Allowlist, Always, "ls", "ls"), "asks");
        assert_eq!(of(Deny, Always, "ls", "ls"), "security=deny");
    }

    #[test]
    fn a_listed_program_with_variables_is_a_miss() {
        let listed = file(json!({"agents": {"main": {"allowlist": [{"pattern": "/usr/bin/ls"}]}}}));
        let rules = Rules::of(&listed, "main", asked(ExecSecurity::Allowlist, ExecAsk::OnMiss));

        let need = rules.need(&Run { sets_env: true, ..run("ls") }, &[Some(found("ls"))]);

        assert!(matches!(need, Need::Word(finding) if finding.to_remember.is_none()));
    }

    #[test]
    fn silence_is_answered_by_the_fallback() {
        use ExecSecurity::{Allowlist, Deny, Full};
        assert_eq!(settle(Verdict::AllowOnce, Deny, false), None);
        assert_eq!(settle(Verdict::Deny, Full, true), Some("user-denied"));
        assert_eq!(settle(Verdict::Expired, Full, false), None);
        assert_eq!(settle(Verdict::Expired, Deny, true), Some("approval-timeout"));
        assert_eq!(settle(Verdict::Expired, Allowlist, true), None);
        let miss = Some("approval-timeout (allowlist-miss)");
        assert_eq!(settle(Verdict::Expired, Allowlist, false), miss);
        assert_eq!(settle(Verdict::Unasked, Deny, false), Some("approval-request-failed"));
    }
}
