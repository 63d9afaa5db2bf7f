//! The last commands of each scope, for people who look: what was run, when, how it ended.
//!
//! In memory only, and little of it. Knows no sandbox: it is told of a command's begin and end.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use domain::Clock;

use crate::backend::Exit;

/// Commands kept for one scope; the oldest goes first.
const COMMANDS_MAX: usize = 5;
/// Scopes of which commands are kept; the one that was quiet longest goes first.
const SCOPES_MAX: usize = 256;
/// Characters kept of a command's first line.
const LINE_CHARS_MAX: usize = 200;

/// A command of a sandbox, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The first line, cut to what a list shows, with what looks like a secret masked.
    pub line: String,
    /// When it began, in milliseconds since 1970.
    pub began_ms: i64,
    /// How long it took; `None` while it runs.
    pub took_ms: Option<i64>,
    /// How it ended; `None` while it runs, and when nobody was told.
    pub exit: Option<Exit>,
}

/// The commands of this process's sandboxes. Clones are the same list.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    clock: Arc<dyn Clock>,
    /// Leaf state: locked for a look-up only.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    scopes: HashMap<String, VecDeque<(u64, Ran)>>,
    next: u64,
}

/// A command that runs; to be told how it ended. Dropped without, it ended unknown.
#[derive(Debug)]
pub(crate) struct Ticket {
    recent: Recent,
    scope: String,
    number: u64,
    exit: Option<Exit>,
}

impl Recent {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// Notes that a command begins.
    pub(crate) fn begin(&self, scope: &str, command: &str) -> Ticket {
        let line = shown(command);
        let ran = Ran { line, began_ms: self.clock.now().0, took_ms: None, exit: None };
        let number = self.with(|state| state.push(scope, ran));
        Ticket { recent: self.clone(), scope: scope.to_owned(), number, exit: None }
    }

    /// The commands of a scope, newest first.
    pub(crate) fn of(&self, scope: &str) -> Vec<Ran> {
        self.with(|state| {
            let found = state.scopes.get(scope).into_iter().flatten().rev();
            found.map(|(_, ran)| ran.clone()).collect()
        })
    }

    /// Forgets the commands of a scope, whose sandbox is gone.
    pub(crate) fn forget(&self, scope: &str) {
        self.with(|state| state.scopes.remove(scope));
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ticket {
    /// Notes how the command ended.
    pub(crate) fn end(mut self, exit: Exit) {
        self.exit = Some(exit);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = self.recent.clock.now().0;
        self.recent.with(|state| {
            let list = state.scopes.get_mut(&self.scope).into_iter().flatten();
            if let Some((_, ran)) = list.into_iter().find(|(number, _)| *number == self.number) {
                ran.took_ms = Some(now.saturating_sub(ran.began_ms));
                ran.exit = self.exit;
            }
        });
    }
}

impl State {
    fn push(&mut self, scope: &str, ran: Ran) -> u64 {
        if self.scopes.len() >= SCOPES_MAX && !self.scopes.contains_key(scope) {
            let newest = |list: &VecDeque<(u64, Ran)>| list.back().map(|(number, _)| *number);
            let quietest = self.scopes.iter().min_by_key(|(_, list)| newest(list));
            if let Some(quietest) = quietest.map(|(scope, _)| scope.clone()) {
                self.scopes.remove(&quietest);
            }
        }
        let number = self.next;
        self.next += 1;
        let list = self.scopes.entry(scope.to_owned()).or_default();
        if list.len() >= COMMANDS_MAX {
            list.pop_front();
        }
        list.push_back((number, ran));
        number
    }
}

/// The first line as a list shows it.
fn shown(command: &str) -> String {
    let mut lines = command.trim().lines();
    let first = lines.next().unwrap_or_default().trim_end();
    let is_cut = lines.next().is_some() || first.chars().count() > LINE_CHARS_MAX;
    let mut line: String = masked(first).chars().take(LINE_CHARS_MAX).collect();
    if is_cut {
        line.push('…');
    }
    line
}

/// Masks values that are named or shaped like secrets. Better one too many than one too few.
fn masked(line: &str) -> String {
    let mut made = String::with_capacity(line.len());
    let mut is_next_secret = false;
    for piece in line.split_inclusive([' ', '\t']) {
        let word = piece.trim_end_matches([' ', '\t']);
        let blank = &piece[word.len()..];
        let bare = word.trim_matches(['"', '\'']);
        let is_secret = std::mem::take(&mut is_next_secret);
        if word.is_empty() {
            is_next_secret = is_secret;
        } else if let Some((name, value)) = bare.split_once('=')
            && is_secret_name(name)
            && !value.is_empty()
        {
            made.push_str(name);
            made.push_str("=***");
        } else if let Some(clean) = without_userinfo(word) {
            made.push_str(&clean);
        } else if is_secret || is_secret_shape(bare) {
            made.push_str("***");
        } else {
            made.push_str(word);
            let is_flag = bare.starts_with("--") && is_secret_name(bare);
            let is_scheme = ["bearer", "basic"].contains(&bare.to_ascii_lowercase().as_str());
            let is_header = bare.strip_suffix(':').is_some_and(is_secret_name);
            is_next_secret = is_flag || is_scheme || (is_header && !is_authorization(bare));
        }
        made.push_str(blank);
    }
    made
}

/// `Authorization: Bearer x` hides `x`, not the scheme.
fn is_authorization(header: &str) -> bool {
    header.to_ascii_lowercase().ends_with("authorization:")
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let words = ["token", "secret", "password", "passwd", "api_key", "apikey", "access_key"];
    words.iter().any(|word| name.contains(word)) || name.ends_with("authorization")
}

/// Prefixes that the services of our time give their keys.
fn is_secret_shape(word: &str) -> bool {
    let known = ["sk-", "ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "AIza"];
    word.len() >= 16 && known.iter().any(|prefix| word.starts_with(prefix))
}

/// `https://user:password@host` without the password.
fn without_userinfo(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (who, _) = rest[..end].rsplit_once('@')?;
    let (user, _) = who.split_once(':')?;
    Some(format!("{scheme}://{user}:***@{}", &rest[who.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use domain::UnixMillis;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> UnixMillis {
            UnixMillis(self.0.load(Ordering::Relaxed))
        }
    }

    fn recent() -> (Recent, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        (Recent::new(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn a_command_tells_when_it_began_how_long_it_took_and_how_it_ended() {
        let (recent, clock) = recent();
        clock.0.store(1_000, Ordering::Relaxed);
        let first = recent.begin("a", "make\nmake install");
        clock.0.store(1_250, Ordering::Relaxed);

        first.end(Exit::Code(2));
        let second = recent.begin("a", "sleep 9");

        let ran = |line: &str, began_ms, took_ms, exit| Ran {
            line: line.to_owned(),
            began_ms,
            took_ms,
            exit,
        };
        let done = ran("make…", 1_000, Some(250), Some(Exit::Code(2)));
        assert_eq!(recent.of("a"), [ran("sleep 9", 1_250, None, None), done.clone()]);
        drop(second);
        assert_eq!(recent.of("a"), [ran("sleep 9", 1_250, Some(0), None), done]);
        assert_eq!(recent.of("b"), []);
        recent.forget("a");
        assert_eq!(recent.of("a"), []);
    }

    #[test]
    fn a_scope_keeps_its_last_few_and_old_scopes_make_room() {
        let (recent, _) = recent();
        for n in 0..=SCOPES_MAX {
            for m in 0..COMMANDS_MAX + 2 {
                recent.begin(&format!("s{n}"), &format!("c{m}")).end(Exit::Code(0));
            }
        }

        let lines: Vec<_> = recent.of("s256").into_iter().map(|it| it.line).collect();
        assert_eq!(lines, ["c6", "c5", "c4", "c3", "c2"]);
        assert_eq!(recent.of("s0"), []);
        assert_eq!(recent.with(|state| state.scopes.len()), SCOPES_MAX);
    }

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        let cases = [
            ("API_TOKEN=abc ./run --fast", "API_TOKEN=*** ./run --fast"),
            ("export 'DB_PASSWORD=a b'", "export DB_PASSWORD=*** b'"),
            ("tool --api-key  k1 --name x", "tool --api-key  *** --name x"),
            ("tool --api-key=k1", "tool --api-key=***"),
            (
                "curl -H \"Authorization: Bearer abc\" https://a.b/c",
                "curl -H \"Authorization: Bearer *** https://a.b/c",
            ),
            ("curl -H 'X-Api-Key: abc'", "curl -H 'X-Api-Key: ***"),
            ("git clone https://me:pw@host/a.git", "git clone https://me:***@host/a.git"),
            ("echo sk-0123456789abcdef", "echo ***"),
            ("grep token notes.txt && a=b", "grep token notes.txt && a=b"),
        ];

        for (line, expected) in cases {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_one_short_line(text in any::<String>()) {
            let line = shown(&text);

            prop_assert!(line.chars().count() <= LINE_CHARS_MAX + 1);
            prop_assert!(!line.contains('\n'));
        }
    }
}
