//! What an invalid file says apart from what is wrong with it.
//!
//! A restart loop helps nobody: one key that this version cannot read must not take the gateway
//! away, and commands that only talk to a running gateway need its address and its secret alone.
//! So what is wrong is left out, by the smallest part that makes sense without it: a key, a
//! provider, a whole channel.
//!
//! What limits anybody is never left out: without it more would be allowed than the file says. A
//! file with a problem there cannot be served, only read for the gateway's address.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    defaults,
    env::Env,
    load,
    locations::Locations,
    problem::{Finding, Path},
    resolve,
    resolved::Config,
    tree,
};

/// Parts that are left out of one file at most. Each costs another look at the whole.
const PARTS_MAX: usize = 64;

/// Where a client finds its gateway. With a problem here not even that is known.
const CONTACT: &[&[&str]] = &[
    &["gateway", "mode"],
    &["gateway", "port"],
    &["gateway", "bind"],
    &["gateway", "customBindHost"],
    &["gateway", "auth"],
    &["gateway", "tls"],
    &["gateway", "remote"],
];

/// Sections in which no key limits anybody.
const HARMLESS: &[&str] = &[
    "$schema",
    "auth",
    "canvasHost",
    "diagnostics",
    "discovery",
    "logging",
    "media",
    "memory",
    "messages",
    "meta",
    "models",
    "talk",
    "ui",
    "update",
    "web",
    "wizard",
];

/// Sections that go as a whole, or by entry: what is left of one could do more than was meant.
const WHOLE: &[&[&str]] = &[
    &["browser"],
    &["channels", "*"],
    &["cron"],
    &["hooks"],
    &["mcp", "servers", "*"],
    &["plugins", "entries", "*"],
];

/// Keys of an agent that say how it works and not what it may do.
const OF_AGENTS: &[&str] = &[
    "blockStreamingBreak",
    "blockStreamingChunk",
    "blockStreamingCoalesce",
    "blockStreamingDefault",
    "compaction",
    "contextPruning",
    "contextTokens",
    "envelopeElapsed",
    "envelopeTimestamp",
    "envelopeTimezone",
    "heartbeat",
    "humanDelay",
    "identity",
    "imageModel",
    "mediaMaxMb",
    "memory",
    "memorySearch",
    "model",
    "models",
    "name",
    "thinkingDefault",
    "timeFormat",
    "typingIntervalSeconds",
    "typingMode",
    "userTimezone",
    "verboseDefault",
];

/// A file with problems, less these problems.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The rest, resolved.
    pub config: Arc<Config>,
    /// What was left out, as dotted paths.
    pub left_out: Vec<String>,
    /// Whether a gateway may be started with the rest: nothing that limits anybody is missing.
    pub serves: bool,
}

/// Reads what can be read of `root`, whose includes, variables and secrets are in place but for
/// those of `unread`. `None` when a problem is in the whole file or in the gateway's address.
pub(crate) fn of(
    mut root: Value,
    unread: &[Finding],
    locations: &Locations,
    env: &Env,
) -> Option<Partial> {
    let mut left_out = LeftOut::default();
    if unread.len() > PARTS_MAX {
        return None;
    }
    // From the end, so that places in a list keep their numbers.
    for finding in unread.iter().rev() {
        let place = finding.path.0.strip_suffix(&["$include".to_owned()][..]);
        let place = Path(place.unwrap_or(&finding.path.0).to_vec());
        left_out.take(&mut root, &place)?;
    }
    loop {
        let mut tree = root.clone();
        let checked = load::check(&mut tree, locations, env);
        let findings: Vec<_> = checked.legacy.into_iter().chain(checked.findings).collect();
        if findings.len() > PARTS_MAX {
            return None;
        }
        let Some(first) = findings.into_iter().next() else {
            defaults::fill(&mut tree, &locations.home);
            let config = Arc::new(resolve::config(&tree, locations, env));
            return Some(Partial {
                config,
                left_out: left_out.paths.iter().map(ToString::to_string).collect(),
                serves: left_out.serves,
            });
        };
        left_out.take(&mut root, &first.path)?;
    }
}

#[derive(Debug)]
struct LeftOut {
    paths: Vec<Path>,
    serves: bool,
}

impl Default for LeftOut {
    fn default() -> Self {
        Self { paths: Vec::new(), serves: true }
    }
}

impl LeftOut {
    /// Leaves out what the problem at `place` is in; what surrounds it where nothing is there,
    /// as with a key that is missing. `None` when that cannot be left out.
    fn take(&mut self, root: &mut Value, place: &Path) -> Option<()> {
        if place.0.is_empty() || is_contact(&place.0) || self.paths.len() >= PARTS_MAX {
            return None;
        }
        let unit = unit(&place.0);
        let is_gone = tree::take(root, unit).is_none();
        if is_gone {
            let (_, parent) = unit.split_last()?;
            return self.take(root, &Path(parent.to_vec()));
        }
        self.serves &= is_harmless(unit);
        self.paths.push(Path(unit.to_vec()));
        Some(())
    }
}

fn is_contact(place: &[String]) -> bool {
    let is = |contact: &&[&str]| {
        let shared = contact.len().min(place.len());
        contact.iter().take(shared).eq(place.iter().take(shared))
    };
    CONTACT.iter().any(is)
}

/// The part that goes with `place`.
fn unit(place: &[String]) -> &[String] {
    let covers = |whole: &&&[&str]| {
        place.len() >= whole.len()
            && whole.iter().zip(place).all(|(name, key)| *name == "*" || *name == key)
    };
    WHOLE.iter().find(covers).and_then(|whole| place.get(..whole.len())).unwrap_or(place)
}

fn is_harmless(unit: &[String]) -> bool {
    let parts: Vec<&str> = unit.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["agents", "defaults", key, ..] | ["agents", "list" | "entries", _, key, ..] => {
            OF_AGENTS.contains(key)
        }
        ["skills", "entries", _, key, ..] => *key != "enabled",
        ["browser" | "cron" | "hooks"]
        | ["channels", _]
        | ["mcp", "servers", _]
        | ["plugins", "entries", _] => true,
        [section, ..] => HARMLESS.contains(section),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load_text;

    fn partial(text: &str) -> Option<(Vec<String>, bool)> {
        let env = Env::of([("HOME".to_owned(), "/h".to_owned())].into(), "/h", "/");
        let locations = Locations::find(&env, None, false).unwrap();
        let loaded = load_text(text, &locations, &env);
        assert!(loaded.config.is_none(), "{:?}", loaded.snapshot.problems);
        loaded.partial.map(|it| (it.left_out, it.serves))
    }

    fn left_out(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_limits_nobody_is_left_out_and_the_rest_is_served() {
        for (text, expected) in [
            ("{skills:{entries:{a:{env:{K:'${UNSET}'}}}}}", "skills.entries.a.env.K"),
            ("{models:{providers:{p:{baseUrl:1}}}}", "models.providers.p.baseUrl"),
            ("{models:{providers:{p:{models:[{name:'m'}]}}}}", "models.providers.p.models.0"),
            ("{channels:{telegram:{dmPolicy:'all'}}}", "channels.telegram"),
            ("{channels:{nobody:{x:1}}}", "channels.nobody"),
            ("{hooks:{enabled:true}}", "hooks"),
            ("{agents:{list:[{id:'a',model:7}]}}", "agents.list.0.model"),
            (
                "{agents:{entries:{a:{heartbeat:{every:'soon'}}}}}",
                "agents.entries.a.heartbeat.every",
            ),
            ("{ui:{color:'red'}}", "ui.color"),
        ] {
            assert_eq!(partial(text), Some((left_out(&[expected]), true)), "{text}");
        }
    }

    #[test]
    fn what_limits_somebody_keeps_the_gateway_from_serving() {
        for text in [
            "{tools:{denny:['exec']}}",
            "{agents:{defaults:{sandbox:{mode:'always'}}}}",
            "{agents:{list:[{id:'a',tools:{deny:'exec'}}]}}",
            "{agents:{list:[{id:' '}]}}",
            "{session:{sendPolicy:{default:'none'}}}",
            "{approvals:{exec:{mode:'x'}}}",
            "{gateway:{trustedProxies:'*'}}",
            "{skills:{allowBundled:'none'}}",
            "{nonsense:1}",
        ] {
            assert_eq!(partial(text).map(|it| it.1), Some(false), "{text}");
        }
    }

    #[test]
    fn without_the_address_of_the_gateway_there_is_nothing_to_talk_to() {
        for text in ["{", "[]", "{gateway:{port:'x'}}", "{gateway:{auth:{token:'${UNSET}'}}}"] {
            assert!(partial(text).is_none(), "{text}");
        }
    }

    #[test]
    fn several_problems_in_one_list_keep_their_places() {
        let (paths, serves) = partial(
            "{models:{providers:{p:{headers:{a:'${A_}',b:'${B_}'}}}},messages:{queue:{mode:'x'}},
              env:{}, agents:{list:[{id:'a',model:1},{id:'b',model:2}]}}",
        )
        .unwrap();

        assert!(serves);
        assert_eq!(paths.len(), 5, "{paths:?}");
    }
}
