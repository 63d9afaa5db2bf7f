//! Slash commands: which there are, what completes them, and which are done here.

/// A command that can be typed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What may follow.
    choices: &'static [&'static str],
}

/// What is done without the gateway's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    Help,
    Quit,
    Abort,
    Sessions,
    Agents,
    Models,
    /// Another conversation, by key.
    Session(String),
    /// Another agent, by id.
    Agent(String),
    /// How the chat is set.
    Settings,
    /// Whether replies go to the chat service too.
    Deliver(bool),
    /// A value of this conversation that the gateway has no command for.
    Change {
        field: &'static str,
        value: String,
    },
    /// What must follow is missing, or makes no sense.
    Ask {
        name: &'static str,
        choices: &'static [&'static str],
    },
}

const THINK: &[&str] = &["off", "minimal", "low", "medium", "high", "xhigh"];
const USAGE: &[&str] = &["off", "tokens", "full"];
const ELEVATED: &[&str] = &["off", "on", "ask", "full"];
const ACTIVATION: &[&str] = &["mention", "always"];
const QUEUE: &[&str] = &["steer", "followup", "collect", "steer-backlog", "interrupt"];

/// All of them, those of the gateway too.
pub(crate) const KNOWN: [Known; 23] = [
    known("help", "keys and commands", &[]),
    known("status", "model, tokens and settings", &[]),
    known("session", "go to a conversation", &[]),
    known("sessions", "choose a conversation", &[]),
    known("agent", "go to an agent", &[]),
    known("agents", "choose an agent", &[]),
    known("new", "begin a new conversation", &[]),
    known("reset", "begin a new conversation", &[]),
    known("model", "choose a model", &[]),
    known("models", "choose a model", &[]),
    known("think", "how much it thinks", THINK),
    known("verbose", "how much of its tools is kept", &["off", "on", "full"]),
    known("reasoning", "whether thinking is told", &["off", "on", "stream"]),
    known("usage", "what replies say of their cost", USAGE),
    known("elevated", "whether tools may leave the sandbox", ELEVATED),
    known("activation", "when it answers in a group", ACTIVATION),
    known("queue", "what messages do while it works", QUEUE),
    known("compact", "shorten the conversation", &[]),
    known("deliver", "send replies to the chat service too", &["on", "off"]),
    known("settings", "how this chat is set", &[]),
    known("whoami", "how it knows you", &[]),
    known("abort", "stop what runs", &[]),
    known("quit", "leave", &[]),
];

const fn known(name: &'static str, about: &'static str, choices: &'static [&'static str]) -> Known {
    Known { name, about, choices }
}

/// What could complete `text`, with what it does.
pub(crate) fn completions(text: &str) -> Vec<(String, &'static str)> {
    let Some(typed) = text.strip_prefix('/').filter(|typed| !typed.contains('\n')) else {
        return Vec::new();
    };
    if let Some((name, value)) = typed.split_once(' ') {
        let command = KNOWN.iter().find(|it| it.name == name);
        let choices = command.map_or(&[][..], |it| it.choices).iter();
        let fits = choices.filter(|it| it.starts_with(value) && **it != value);
        return fits.map(|it| (format!("/{name} {it}"), "")).collect();
    }
    let fits = KNOWN.iter().filter(|it| it.name.starts_with(typed) && it.name != typed);
    fits.map(|it| (format!("/{}", it.name), it.about)).collect()
}

/// Reads what is done here; `None` is for the gateway.
pub(crate) fn local(text: &str) -> Option<Local> {
    let (name, rest) = text
        .trim()
        .strip_prefix('/')?
        .split_once(' ')
        .unwrap_or((text.trim().strip_prefix('/')?, ""));
    let rest = rest.trim();
    Some(match (name, rest) {
        ("help", _) => Local::Help,
        ("quit" | "exit", _) => Local::Quit,
        ("abort", _) => Local::Abort,
        ("sessions", _) | ("session", "") => Local::Sessions,
        ("agents", _) | ("agent", "") => Local::Agents,
        ("models", _) | ("model", "") => Local::Models,
        ("session", key) => Local::Session(key.to_owned()),
        ("agent", id) => Local::Agent(id.to_owned()),
        ("settings", _) => Local::Settings,
        ("usage", value) => change("usage", "responseUsage", value, USAGE),
        ("elevated" | "elev", value) => change("elevated", "elevatedLevel", value, ELEVATED),
        ("activation", value) => change("activation", "groupActivation", value, ACTIVATION),
        ("deliver", "on" | "") => Local::Deliver(true),
        ("deliver", "off") => Local::Deliver(false),
        _ => return None,
    })
}

/// A change, if `value` is one of `choices`.
fn change(
    name: &'static str,
    field: &'static str,
    value: &str,
    choices: &'static [&'static str],
) -> Local {
    if choices.contains(&value) {
        Local::Change { field, value: value.to_owned() }
    } else {
        Local::Ask { name, choices }
    }
}

/// What `/help` says.
pub(crate) fn help() -> String {
    let mut lines = vec![
        "Enter sends · Alt+Enter or Ctrl+J is a new line · Esc stops the agent".to_owned(),
        "Ctrl+C clears, twice quits · Ctrl+D quits · Up and Down recall".to_owned(),
        "PgUp PgDn Shift+Up Shift+Down scroll · Ctrl+Home Ctrl+End go to the ends".to_owned(),
        "Ctrl+P conversations · Ctrl+G agents · Ctrl+L models".to_owned(),
        "Ctrl+O tool output · Ctrl+T thinking · Tab completes".to_owned(),
        "!command runs on this machine, after you allowed it once".to_owned(),
    ];
    lines.extend(KNOWN.iter().map(|it| format!("/{:<10} {}", it.name, it.about)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_completed() {
        let texts = |typed| -> Vec<String> {
            completions(typed).into_iter().map(|(text, _)| text).collect()
        };

        assert_eq!(texts("/ses"), ["/session", "/sessions"]);
        assert_eq!(texts("/set"), ["/settings"]);
        assert_eq!(texts("/think x"), ["/think xhigh"]);
        assert_eq!(texts("/quit"), Vec::<String>::new());
        assert_eq!(texts("say /se"), Vec::<String>::new());
        assert_eq!(completions("/").len(), KNOWN.len());
    }

    #[test]
    fn what_the_gateway_knows_is_left_to_it() {
        assert_eq!(local("/model"), Some(Local::Models));
        assert_eq!(local("/session main "), Some(Local::Session("main".into())));
        let usage = Local::Change { field: "responseUsage", value: "full".into() };
        assert_eq!(local("/usage full"), Some(usage));
        assert!(matches!(local("/elev"), Some(Local::Ask { name: "elevated", .. })));
        for text in ["/model mock/one", "/status", "/new", "/unknown", "hello", "/deliver maybe"] {
            assert_eq!(local(text), None, "{text}");
        }
    }
}
