//! Slash commands: what a person may say to the session instead of to the model. Parsing is
//! pure; the session task carries them out.

use policy::Verdict;

/// A command that was the whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `/help`, `/commands`.
    Help,
    /// `/status`.
    Status,
    /// `/new`, `/reset`, with the rest of the message.
    Reset(String),
    /// `/compact`, with instructions.
    Compact(String),
    /// `/think`, `/verbose`, `/reasoning`, `/queue`: a session setting and its new value;
    /// `None` asks for the current one.
    Set(Setting, Option<String>),
    /// `/model` with a reference; `None` asks for the current one.
    Model(Option<String>),
    /// `/subagents`, with what is asked of them.
    Subagents(String),
    /// `/whoami`.
    WhoAmI,
    /// `/skill`, with the skill's name and what is asked of it.
    Skill(String),
    /// `/approve` with an id and a decision, in either order; `None` when they are not that.
    Approve(Option<(String, Verdict)>),
}

/// A session setting that a command may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Thinking level.
    Think,
    /// Verbose level.
    Verbose,
    /// Whether thinking is shown.
    Reasoning,
    /// Queue mode.
    Queue,
}

/// Words that stop what runs, without a slash.
const STOP_WORDS: [&str; 6] = ["stop", "esc", "abort", "wait", "exit", "interrupt"];

/// Whether the whole message asks to stop what runs.
pub(crate) fn is_stop(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    text == "/stop" || STOP_WORDS.contains(&text.as_str())
}

/// Reads a command; `None` when the message is for the model, as unknown slash words are.
pub(crate) fn parse(text: &str, reset_triggers: &[String]) -> Option<Command> {
    let text = text.trim();
    if let Some(rest) = reset_triggers.iter().find_map(|trigger| after(text, trigger)) {
        return Some(Command::Reset(rest.to_owned()));
    }
    if text.contains('\n') {
        return None;
    }
    let (word, rest) = text.strip_prefix('/')?.split_once([' ', ':']).unwrap_or((&text[1..], ""));
    let rest = rest.trim().trim_start_matches(':').trim();
    let value = (!rest.is_empty()).then(|| rest.to_lowercase());
    match word.to_lowercase().as_str() {
        "help" | "commands" => Some(Command::Help),
        "status" => Some(Command::Status),
        "whoami" | "id" => Some(Command::WhoAmI),
        "new" | "reset" => Some(Command::Reset(rest.to_owned())),
        "compact" => Some(Command::Compact(rest.to_owned())),
        "skill" => Some(Command::Skill(rest.to_owned())),
        "think" | "thinking" | "t" => Some(Command::Set(Setting::Think, value)),
        "verbose" | "v" => Some(Command::Set(Setting::Verbose, value)),
        "reasoning" | "reason" => Some(Command::Set(Setting::Reasoning, value)),
        "queue" => Some(Command::Set(Setting::Queue, value)),
        "subagents" => Some(Command::Subagents(rest.to_owned())),
        "approve" => Some(Command::Approve(approval(rest))),
        "model" => Some(Command::Model((!rest.is_empty()).then(|| rest.to_owned()))),
        _ => None,
    }
}

/// An id and a decision, in either order.
fn approval(rest: &str) -> Option<(String, Verdict)> {
    let mut words = rest.split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    match (verdict(first), verdict(second)) {
        (_, Some(verdict)) => Some((first.to_owned(), verdict)),
        (Some(verdict), None) => Some((second.to_owned(), verdict)),
        (None, None) => None,
    }
}

/// Makes a decision out of a word, synonyms included.
fn verdict(word: &str) -> Option<Verdict> {
    Some(match word.to_lowercase().as_str() {
        "allow-once" | "allow" | "once" | "allowonce" => Verdict::AllowOnce,
        "allow-always" | "always" | "allowalways" => Verdict::AllowAlways,
        "deny" | "reject" | "block" => Verdict::Deny,
        _ => return None,
    })
}

/// The rest of `text` after `trigger` as a whole word, ignoring case.
fn after<'t>(text: &'t str, trigger: &str) -> Option<&'t str> {
    let head = text.get(..trigger.len())?;
    let rest = text.get(trigger.len()..)?;
    let whole = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (head.eq_ignore_ascii_case(trigger) && whole).then(|| rest.trim())
}

/// Makes a thinking level out of a word, synonyms included (`spec: agent-runtime` §7).
pub(crate) fn thinking_level(word: &str) -> Option<&'static str> {
    Some(match word {
        "off" | "none" | "0" => "off",
        "minimal" | "min" | "think" => "minimal",
        "low" | "on" => "low",
        "medium" | "mid" | "med" | "harder" | "adaptive" => "medium",
        "high" | "ultra" | "max" | "highest" => "high",
        "xhigh" | "x-high" | "extra-high" => "xhigh",
        _ => return None,
    })
}

/// Values that a setting takes.
pub(crate) const fn choices(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Think => &["off", "minimal", "low", "medium", "high", "xhigh"],
        Setting::Verbose => &["off", "on", "full"],
        Setting::Reasoning => &["off", "on", "stream"],
        Setting::Queue => {
            &["steer", "followup", "collect", "steer-backlog", "interrupt", "default"]
        }
    }
}

/// A command as clients offer it.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its name, without the slash.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// What it does.
    pub about: &'static str,
    /// `session`, `options`, `status` or `management`.
    pub category: &'static str,
    /// What may follow it, and the words that are known for that.
    pub argument: Option<(&'static str, &'static [&'static str])>,
}

/// All commands, in the order of [`HELP`].
pub const LISTED: [Listed; 14] = [
    listed("help", &["commands"], "what commands there are", "status", None),
    listed("status", &[], "model, tokens and settings of this conversation", "status", None),
    listed("new", &["reset"], "start afresh", "session", Some(("message", &[]))),
    listed("stop", &[], "stop what is running", "session", None),
    listed("model", &[], "show or choose the model", "options", Some(("model", &[]))),
    listed(
        "think",
        &["thinking", "t"],
        "show or set how hard to think",
        "options",
        Some(("level", choices(Setting::Think))),
    ),
    listed(
        "verbose",
        &["v"],
        "show or set how much of tools is shown",
        "options",
        Some(("level", choices(Setting::Verbose))),
    ),
    listed(
        "reasoning",
        &["reason"],
        "show or set whether thinking is shown",
        "options",
        Some(("level", choices(Setting::Reasoning))),
    ),
    listed(
        "queue",
        &[],
        "what messages do while a turn runs",
        "options",
        Some(("mode", choices(Setting::Queue))),
    ),
    listed("compact", &[], "shorten the conversation", "session", Some(("instructions", &[]))),
    listed(
        "subagents",
        &[],
        "the sub-agents of this conversation",
        "management",
        Some(("action", &["list", "stop", "info", "log", "send"])),
    ),
    listed(
        "approve",
        &[],
        "answer a question about a command",
        "management",
        Some(("answer", &[])),
    ),
    listed("skill", &[], "use a skill by its name", "management", Some(("name", &[]))),
    listed("whoami", &["id"], "how the assistant knows you", "status", None),
];

const fn listed(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
    category: &'static str,
    argument: Option<(&'static str, &'static [&'static str])>,
) -> Listed {
    Listed { name, aliases, about, category, argument }
}

/// Whether a command has this name already, so that no skill can.
pub(crate) fn is_taken(name: &str) -> bool {
    LISTED.iter().any(|it| it.name == name || it.aliases.contains(&name))
}

/// What `/help` says.
pub(crate) const HELP: &str = "\
/status: model, tokens and settings of this conversation
/new or /reset: start afresh
/stop: stop what is running
/model [provider/model]: show or choose the model
/think, /verbose, /reasoning [level]: show or set
/queue [mode]: what messages do while I work
/compact [what to keep in mind]: shorten the conversation
/subagents [list, stop, info, log or send]: the sub-agents of this conversation
/approve <id> allow-once|allow-always|deny: answer a question about a command
/skill <name> [input]: use a skill
/whoami: how I know you";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_whole_messages() {
        let triggers = ["/new".to_owned(), "/fresh".to_owned()];
        let approve = |id: &str, verdict| Some(Command::Approve(Some((id.into(), verdict))));
        let cases = [
            ("/approve 1a2b deny", approve("1a2b", Verdict::Deny)),
            ("/approve always 1a2b", approve("1a2b", Verdict::AllowAlways)),
            ("/approve 1a2b perhaps", Some(Command::Approve(None))),
            ("/status", Some(Command::Status)),
            ("/Think: HIGH", Some(Command::Set(Setting::Think, Some("high".into())))),
            ("/verbose", Some(Command::Set(Setting::Verbose, None))),
            ("/new hello there", Some(Command::Reset("hello there".into()))),
            ("/fresh", Some(Command::Reset(String::new()))),
            ("/newer", None),
            ("/usr/bin is a path", None),
            ("what is /status", None),
            ("/", None),
            ("/model openai/GPT-5", Some(Command::Model(Some("openai/GPT-5".into())))),
        ];

        for (text, expected) in cases {
            assert_eq!(parse(text, &triggers), expected, "{text}");
        }
    }

    #[test]
    fn bare_words_stop() {
        assert!(is_stop(" Stop "));
        assert!(is_stop("/stop"));
        assert!(!is_stop("stop the music"));
    }

    #[test]
    fn every_thinking_choice_is_a_level() {
        for level in choices(Setting::Think) {
            assert_eq!(thinking_level(level), Some(*level));
        }
    }

    #[test]
    fn every_listed_command_is_one() {
        for command in LISTED {
            for name in [command.name].iter().chain(command.aliases) {
                let text = format!("/{name}");
                assert!(parse(&text, &[]).is_some() || is_stop(&text), "{text}");
            }
        }
    }
}
