//! What follows once the setup is written: completion in the person's shell, and how they begin.
//!
//! None of it changes the setup, so leaving any of these questions is a plain no.

use std::{
    ffi::OsString,
    net::{SocketAddr, TcpStream},
};

use onboard::{Answer, Ask, Choice, Kind, Language, Question, Text};

use super::{
    prompt::{Prompt, Said},
    talk::{LOOK, broken},
};
use crate::{
    args::{self, Parsed},
    commands::{self, completion},
    error::Failure,
    program::Program,
};

/// How the person wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// By a chat in this terminal.
    Chat,
    /// In the browser.
    Page,
    /// By starting the gateway in this terminal.
    Gateway,
    /// By themselves.
    Later,
}

/// Whether a gateway listens on `port` of this machine.
pub(super) fn gateway_runs(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), LOOK).is_ok()
}

/// Offers completion, if the person's shell is one that we know and has none yet.
pub(super) fn offer_completion(
    program: &Program,
    prompt: &mut Prompt,
    language: Language,
) -> Result<(), Failure> {
    let shell = program.env().get("SHELL").and_then(completion::Name::of_path);
    let Some(shell) = shell.filter(|shell| !completion::is_on(program, *shell)) else {
        return Ok(());
    };
    let Some(file) = shell.start_file(&program.locations.home) else { return Ok(()) };
    let title = Text("Complete commands by the Tab key?", "用 Tab 键补全命令？");
    let message = Text("This adds one line to", "会在此文件中加一行：");
    let shown = program.locations.shorten(&file);
    let question = Question {
        ask: Ask::Confirm,
        title: title.of(language).to_owned(),
        message: format!("{} {shown}", message.of(language)),
        kind: Kind::Confirm { initial: true },
    };
    if let Some(Answer::Yes(true)) = asked(prompt, &question)? {
        completion::switch_on(program, shell)?;
        let done = Text("It works in new shells.", "在新打开的终端中生效。");
        prompt.passed(done.of(language));
    }
    Ok(())
}

/// Asks how to begin. With a gateway that runs it is a chat; without one, its start.
pub(super) fn ask_to_begin(
    prompt: &mut Prompt,
    language: Language,
    runs: bool,
) -> Result<Begin, Failure> {
    let rows: &[(&str, Text, Text)] = if runs {
        &[
            (
                "chat",
                Text("Chat here in the terminal", "在终端里对话"),
                Text("openclaw tui", "openclaw tui"),
            ),
            (
                "page",
                Text("Open the page in the browser", "在浏览器中打开页面"),
                Text("openclaw dashboard", "openclaw dashboard"),
            ),
            ("later", Text("Later", "以后再说"), Text("", "")),
        ]
    } else {
        &[
            (
                "gateway",
                Text("Start the gateway in this terminal", "在此终端启动网关"),
                Text("Ctrl-C stops it; its page has a chat", "按 Ctrl-C 停止；它的页面可以对话"),
            ),
            (
                "later",
                Text("Later", "以后再说"),
                Text("openclaw gateway run", "openclaw gateway run"),
            ),
        ]
    };
    let choice = |(value, label, hint): &(&str, Text, Text)| Choice {
        value: (*value).to_owned(),
        label: label.of(language).to_owned(),
        hint: hint.of(language).to_owned(),
    };
    let question = Question {
        ask: Ask::Flow,
        title: Text("How do you want to begin?", "怎样开始？").of(language).to_owned(),
        message: String::new(),
        kind: Kind::One {
            choices: rows.iter().map(choice).collect(),
            initial: rows[0].0.to_owned(),
        },
    };
    let answer = asked(prompt, &question)?;
    Ok(match answer {
        Some(Answer::One(value)) => match value.as_str() {
            "chat" => Begin::Chat,
            "page" => Begin::Page,
            "gateway" => Begin::Gateway,
            _ => Begin::Later,
        },
        _ => Begin::Later,
    })
}

/// Begins that way, as the command of that name would.
pub(super) fn begin(program: &mut Program, begin: Begin) -> Result<(), Failure> {
    let words: &[&str] = match begin {
        Begin::Later => return Ok(()),
        Begin::Chat => &["openclaw", "tui"],
        Begin::Page => &["openclaw", "dashboard"],
        Begin::Gateway => &["openclaw", "gateway", "run"],
    };
    match args::parse(words.iter().map(OsString::from).collect())? {
        Parsed::Run(cli) => cli.command.map_or(Ok(()), |command| commands::run(command, program)),
        Parsed::Print(_) => Ok(()),
    }
}

/// The answer, unless the person passes the question over.
fn asked(prompt: &mut Prompt, question: &Question) -> Result<Option<Answer>, Failure> {
    let said = prompt.ask(question, None, None).map_err(|error| broken(&error))?;
    match said {
        Said::Answer(answer) => {
            prompt.take(question, &answer);
            Ok(Some(answer))
        }
        Said::Back | Said::Leave => Ok(None),
    }
}
