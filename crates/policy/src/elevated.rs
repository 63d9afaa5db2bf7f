//! May this sender leave the sandbox, and under which conditions? (`spec: tools` §4.2)
//!
//! Every gate must be open: the master switch, the agent's own, the sender on the list for the
//! channel and, if the agent has one, on the agent's. An agent can only tighten. Then the level
//! says what happens to calls that do not ask.

use config::{Elevated, ElevatedLevel, ExecSecurity, HostExec};
use serde::Serialize;

const ENABLED: &str = "tools.elevated.enabled";
const ENABLED_OF_AGENT: &str = "agents.list[].tools.elevated.enabled";

/// Words before a peer id that are no part of it.
const PREFIXES: &[&str] = &[
    "telegram",
    "whatsapp",
    "discord",
    "googlechat",
    "slack",
    "signal",
    "imessage",
    "webchat",
    "user",
    "group",
    "channel",
    "dm",
    "direct",
];

/// Who speaks, by all the names that a channel gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Channel id; blank when nobody knows.
    pub channel: String,
    /// What else is known: display name, user name, tag, number, From and To.
    pub names: Vec<String>,
}

/// A gate that is closed, and the key that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// `enabled`, `allowFrom` or `provider`.
    pub gate: &'static str,
    /// Config path.
    pub key: String,
}

/// Whether a sender may leave the sandbox. The default may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not while these are closed.
    Closed(Vec<Gate>),
    /// Yes; the level says what calls do that do not ask.
    Open(ElevatedLevel),
}

impl Default for Standing {
    fn default() -> Self {
        Self::Closed(Vec::new())
    }
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Where the session's tools run.
    Inside,
    /// On the gateway's host.
    Outside,
}

/// The settings that decide.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// `tools.elevated`.
    pub global: &'a Elevated,
    /// `agents.list[].tools.elevated`.
    pub agent: &'a Elevated,
}

impl<'a> Rules<'a> {
    /// The rules for an agent.
    pub fn of(config: &'a config::Config, agent: &'a config::Agent) -> Self {
        Self { global: &config.tools.elevated, agent: &agent.elevated }
    }

    /// Says whether `sender` may leave the sandbox, at `level` if so.
    pub fn standing(&self, sender: &Sender, level: ElevatedLevel) -> Standing {
        let channel = normalised(&sender.channel);
        let mut closed = self.closed((!channel.is_empty()).then_some(&*channel));
        let lists = [
            (self.global_list(&channel), global_key(&channel)),
            (self.agent_list(&channel), agent_key(&channel)),
        ];
        for (list, key) in lists {
            let is_new = closed.iter().all(|gate| gate.key != key);
            if is_new && list.is_some_and(|list| !is_listed(list, sender)) {
                closed.push(Gate { gate: "allowFrom", key });
            }
        }
        if closed.is_empty() { Standing::Open(level) } else { Standing::Closed(closed) }
    }

    /// The gates that are closed for everybody on `channel`.
    pub fn closed(&self, channel: Option<&str>) -> Vec<Gate> {
        let mut closed = Vec::new();
        for (enabled, key) in
            [(self.global.enabled, ENABLED), (self.agent.enabled, ENABLED_OF_AGENT)]
        {
            if !enabled {
                closed.push(Gate { gate: "enabled", key: key.to_owned() });
            }
        }
        let Some(channel) = channel else {
            closed.push(Gate { gate: "provider", key: global_key("<channel>") });
            return closed;
        };
        if self.global_list(channel).is_none_or(<[String]>::is_empty) {
            closed.push(Gate { gate: "allowFrom", key: global_key(channel) });
        }
        if self.agent_list(channel).is_some_and(<[String]>::is_empty) {
            closed.push(Gate { gate: "allowFrom", key: agent_key(channel) });
        }
        closed
    }

    /// Whether everybody on `channel` may leave.
    pub fn is_open_to_all(&self, channel: &str) -> bool {
        let has_star = |list: &[String]| list.iter().any(|entry| entry.trim() == "*");
        self.closed(Some(channel)).is_empty()
            && self.global_list(channel).is_some_and(has_star)
            && self.agent_list(channel).is_none_or(has_star)
    }

    /// The senders that may, as far as all agents are concerned.
    pub fn global_list(&self, channel: &str) -> Option<&'a [String]> {
        let lists = &self.global.allow_from;
        lists.get(channel).or_else(|| self.global.fallback.get(channel)).map(Vec::as_slice)
    }

    /// The senders that may, as far as the agent is concerned; `None` when it has no list.
    pub fn agent_list(&self, channel: &str) -> Option<&'a [String]> {
        self.agent.allow_from.get(channel).map(Vec::as_slice)
    }
}

impl Standing {
    /// Where a command runs that asked with `elevated: asked`; `None` when it may not run there.
    ///
    /// Outside, what every command on the host needs is needed as well; where nothing may run
    /// there at all, a call that did not ask stays inside.
    pub fn way(&self, asked: Option<bool>, host: HostExec) -> Option<Way> {
        let level = match (self, asked) {
            (Self::Closed(_), Some(true)) => return None,
            (Self::Closed(_), _) | (Self::Open(_), Some(false)) => return Some(Way::Inside),
            (Self::Open(level), _) => *level,
        };
        match (level, asked) {
            (ElevatedLevel::Off, None | Some(false)) => Some(Way::Inside),
            (ElevatedLevel::Off, Some(true))
            | (ElevatedLevel::On | ElevatedLevel::Ask | ElevatedLevel::Full, _) => {
                if host.security == ExecSecurity::Deny {
                    asked.is_none().then_some(Way::Inside)
                } else {
                    Some(Way::Outside)
                }
            }
        }
    }

    /// The rule that closes the way: the first closed gate.
    pub fn rule(&self) -> &str {
        match self {
            Self::Closed(gates) => gates.first().map_or(ENABLED, |gate| &gate.key),
            Self::Open(_) => "tools.exec.security",
        }
    }
}

fn global_key(channel: &str) -> String {
    format!("tools.elevated.allowFrom.{channel}")
}

fn agent_key(channel: &str) -> String {
    format!("agents.list[].tools.elevated.allowFrom.{channel}")
}

/// Whether an entry of `list` means `sender`.
fn is_listed(list: &[String], sender: &Sender) -> bool {
    let names: Vec<String> = sender.names.iter().flat_map(|name| forms(name)).collect();
    list.iter()
        .any(|entry| entry.trim() == "*" || forms(entry).iter().any(|form| names.contains(form)))
}

/// The forms that names are compared in: as written, without a prefix, and as slugs. None for
/// what names nobody, such as a bare `@`.
fn forms(name: &str) -> Vec<String> {
    let whole = normalised(name);
    let bare = bare(&whole).to_owned();
    if !bare.contains(char::is_alphanumeric) {
        return Vec::new();
    }
    vec![slug(&bare), bare.trim_start_matches('@').to_owned(), bare, whole]
}

fn normalised(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Takes `telegram:`, `user:` and the like away, however many there are.
fn bare(name: &str) -> &str {
    match name.split_once(':') {
        Some((prefix, rest)) if PREFIXES.contains(&prefix.trim()) => bare(rest.trim()),
        Some(_) | None => name,
    }
}

/// Letters and digits, runs of anything else as one `-`.
fn slug(name: &str) -> String {
    let pieces = name.split(|c: char| !c.is_alphanumeric());
    pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Settings with one list for `telegram`; `None` is no list.
    pub(crate) fn listing(entries: Option<&[&str]>) -> Elevated {
        let list = entries.map(|it| it.iter().map(|&entry| entry.to_owned()).collect());
        let allow_from = list.map(|list| ("telegram".to_owned(), list)).into_iter().collect();
        Elevated { allow_from, ..Elevated::default() }
    }

    pub(crate) fn sender(names: &[&str]) -> Sender {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Sender { channel: "Telegram".to_owned(), names }
    }

    fn keys(standing: &Standing) -> Vec<&str> {
        match standing {
            Standing::Open(_) => Vec::new(),
            Standing::Closed(gates) => gates.iter().map(|gate| gate.key.as_str()).collect(),
        }
    }

    fn ask(global: &Elevated, agent: &Elevated, sender: &Sender) -> Standing {
        Rules { global, agent }.standing(sender, ElevatedLevel::On)
    }

    #[test]
    fn without_a_list_nobody_may() {
        let (none, ann) = (listing(None), sender(&["ann"]));

        assert_eq!(keys(&ask(&none, &none, &ann)), ["tools.elevated.allowFrom.telegram"]);
        assert_eq!(Standing::default().way(Some(true), HostExec::default()), None);
    }

    #[test]
    fn every_gate_must_be_open_and_an_agent_only_tightens() {
        let (none, ann, all) = (listing(None), listing(Some(&["ann"])), listing(Some(&["*"])));
        let off = Elevated { enabled: false, ..all.clone() };
        let cases = [
            (&ann, &none, &[][..]),
            (&all, &ann, &[]),
            (&none, &all, &["tools.elevated.allowFrom.telegram"]),
            (&off, &none, &["tools.elevated.enabled"]),
            (&ann, &off, &["agents.list[].tools.elevated.enabled"]),
        ];

        for (global, agent, expected) in cases {
            assert_eq!(keys(&ask(global, agent, &sender(&["Ann"]))), expected);
        }
        let stranger = sender(&["bob"]);
        assert_eq!(
            keys(&ask(&all, &ann, &stranger)),
            ["agents.list[].tools.elevated.allowFrom.telegram"]
        );
        assert_eq!(
            keys(&ask(&all, &none, &Sender::default())),
            ["tools.elevated.allowFrom.<channel>"]
        );
    }

    #[test]
    fn senders_are_known_by_any_of_their_names() {
        let cases = [
            ("@ann", "ann", true),
            ("telegram:42", "42", true),
            ("42", "telegram:42", true),
            ("user:Ann Lee", "ann-lee", true),
            ("ann lee", "Ann_Lee", true),
            ("+1555", "1555", true),
            ("ann", "anna", false),
            ("张三", "李四", false),
            ("", "", false),
            ("42", "142", false),
            ("*", "anybody", true),
        ];

        for (entry, name, expected) in cases {
            let (global, none) = (listing(Some(&[entry])), listing(None));
            let is_open = matches!(ask(&global, &none, &sender(&[name])), Standing::Open(_));
            assert_eq!(is_open, expected, "{entry} ~ {name}");
        }
    }

    #[test]
    fn the_level_decides_for_calls_that_do_not_ask() {
        use ElevatedLevel::{Ask, Full, Off, On};
        let cases = [
            (Off, None, Way::Inside),
            (Off, Some(true), Way::Outside),
            (On, None, Way::Outside),
            (Ask, None, Way::Outside),
            (Full, None, Way::Outside),
            (Full, Some(false), Way::Inside),
        ];

        for (level, asked, expected) in cases {
            let way = Standing::Open(level).way(asked, HostExec::default());
            assert_eq!(way, Some(expected), "{level:?} {asked:?}");
        }
    }

    #[test]
    fn where_nothing_may_run_outside_a_call_that_did_not_ask_stays_inside() {
        let full = Standing::Open(ElevatedLevel::Full);
        let host = HostExec { security: ExecSecurity::Deny, ..HostExec::default() };

        assert_eq!(full.way(Some(true), host), None);
        assert_eq!(full.way(None, host), Some(Way::Inside));
    }

    proptest! {
        #[test]
        fn who_is_not_listed_stays_inside(
            entries in proptest::collection::vec("[a-c@:* ]{0,4}", 0..3),
            name in "[x-z@ ]{0,4}",
            asked in proptest::option::of(any::<bool>()),
        ) {
            let entries: Vec<&str> =
                entries.iter().map(String::as_str).filter(|entry| entry.trim() != "*").collect();

            let standing = ask(&listing(Some(&entries)), &listing(None), &sender(&[&name]));

            let way = standing.way(asked, HostExec::default());
            prop_assert_eq!(way, (asked != Some(true)).then_some(Way::Inside));
        }

        #[test]
        fn an_agents_list_never_lets_more_in(
            entries in proptest::collection::vec("[ab*]", 0..3), name in "[ab]",
        ) {
            let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
            let (global, sender) = (listing(Some(&["a"])), sender(&[&name]));

            let without = ask(&global, &listing(None), &sender);
            let with = ask(&global, &listing(Some(&entries)), &sender);

            prop_assert!(matches!(without, Standing::Open(_)) || matches!(with, Standing::Closed(_)));
        }
    }
}
