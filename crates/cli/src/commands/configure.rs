//! `configure`: the same questions as `onboard`, a part at a time.
//!
//! Without sections it offers them again and again until the person goes on.

use ::onboard::{Answer, Ask, Choice, Facts, Kind, Language, Question, Section, Text, Wizard};

use super::{
    health,
    onboard::{
        self, has_terminal, place,
        prompt::{Prompt, Said},
        talk::{self, Talked},
    },
};
use crate::{
    error::{Failure, Kind as Sort},
    program::Program,
};

const GO_ON: &str = "__continue";

/// Change parts of the setup by answering questions
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw configure --section model --section channels")]
pub(crate) struct Args {
    /// Part to go through: workspace, model, web, gateway, daemon, channels, skills or health
    #[arg(long, value_name = "SECTION")]
    pub(crate) section: Vec<String>,
    /// Language of the questions, such as en or zh
    #[arg(long, value_name = "LANG")]
    pub(crate) lang: Option<String>,
}

pub(crate) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    let sections = sections(&args.section)?;
    if !program.snapshot().valid {
        return Err(program.invalid());
    }
    if !has_terminal() {
        return Err(Failure::new(
            Sort::Usage,
            "`openclaw configure` asks questions and needs a terminal",
        )
        .fact("A single value: openclaw config set <path> <value>")
        .hint("openclaw onboard --non-interactive --accept-risk --skip-health"));
    }
    let language = language(program, args);
    let mut prompt = talk::open(language)?;
    prompt.intro(Text("OpenClaw: change the setup", "OpenClaw：修改设置").of(language));
    let outcome = if sections.is_empty() {
        menu(program, language, &mut prompt)
    } else {
        go_through(program, &sections, language, &mut prompt)
    };
    let last = if outcome.is_ok() {
        Text(
            "Done. A running gateway takes the new settings by itself.",
            "完成。正在运行的网关会自动应用新设置。",
        )
    } else {
        Text("Ended.", "已结束。")
    };
    prompt.outro(last.of(language));
    outcome
}

fn sections(names: &[String]) -> Result<Vec<Section>, Failure> {
    let known = || Section::ALL.map(|(name, _)| name).join(", ");
    names
        .iter()
        .flat_map(|name| name.split(','))
        .map(|name| {
            Section::named(name.trim()).ok_or_else(|| {
                Failure::new(Sort::Usage, format!("unknown section `{}`", name.trim()))
                    .hint(format!("use one of: {}", known()))
            })
        })
        .collect()
}

fn language(program: &Program, args: &Args) -> Language {
    match &args.lang {
        Some(language) => Language::of_locale(language),
        None => Language::of_env(program.env()),
    }
}

fn facts(program: &Program, language: Language) -> Result<Facts, Failure> {
    Ok(Facts { language, ..place::facts(program)? })
}

/// Offers all sections until the person has enough.
fn menu(program: &mut Program, language: Language, prompt: &mut Prompt) -> Result<(), Failure> {
    let mut initial = "model".to_owned();
    loop {
        let question = menu_question(language, &initial);
        let said = prompt.ask(&question, None, None).map_err(|error| {
            Failure::while_doing(Sort::Failed, "the terminal cannot be used", &error)
        })?;
        if let Said::Answer(answer) = &said {
            prompt.take(&question, answer);
        }
        let chosen = match said {
            Said::Answer(Answer::One(chosen)) if chosen != GO_ON => chosen,
            Said::Answer(_) => return Ok(()),
            Said::Back | Said::Leave => return Err(left()),
        };
        if let Some(section) = Section::named(&chosen) {
            go_through(program, &[section], language, prompt)?;
        }
        GO_ON.clone_into(&mut initial);
    }
}

fn menu_question(language: Language, initial: &str) -> Question {
    let labels = [
        Text("Workspace", "工作区"),
        Text("Model and key", "模型与密钥"),
        Text("Web search", "网页搜索"),
        Text("Gateway: port, bind, authentication", "网关：端口、监听、认证"),
        Text("Service", "服务"),
        Text("Channels", "频道"),
        Text("Skills", "技能"),
        Text("Ask the gateway how it is", "检查网关状态"),
    ];
    let mut choices: Vec<Choice> = Section::ALL
        .iter()
        .zip(labels)
        .map(|((name, _), label)| Choice {
            value: (*name).to_owned(),
            label: label.of(language).to_owned(),
            hint: String::new(),
        })
        .collect();
    choices.push(Choice {
        value: GO_ON.to_owned(),
        label: Text("That is all", "完成").of(language).to_owned(),
        hint: String::new(),
    });
    Question {
        ask: Ask::Flow,
        title: Text("What do you want to change?", "要修改什么？").of(language).to_owned(),
        message: String::new(),
        kind: Kind::One { choices, initial: initial.to_owned() },
    }
}

/// Asks about `sections`, writes, and looks at the gateway where that is wanted.
fn go_through(
    program: &mut Program,
    sections: &[Section],
    language: Language,
    prompt: &mut Prompt,
) -> Result<(), Failure> {
    let mut wizard = Wizard::configure(facts(program, language)?, sections.iter().copied());
    let Talked::Decided(setup) = talk::drive(program, &mut wizard, prompt)? else {
        return Err(left());
    };
    let is_change = sections.iter().any(|it| !matches!(it, Section::Daemon | Section::Health));
    if is_change {
        let plan = wizard.plan(&setup);
        let done = ::onboard::apply(&plan, &place::place(program))
            .map_err(|error| place::not_applied(&error))?;
        program.reload();
        for line in onboard::lines(program, &done) {
            prompt.passed(&line);
        }
    }
    if sections.contains(&Section::Health) {
        look(program, prompt, language)?;
    }
    Ok(())
}

/// Asks the gateway how it is. That it does not answer is news, and no failure of the wizard.
fn look(program: &Program, prompt: &mut Prompt, language: Language) -> Result<(), Failure> {
    let text = Text("Asking the gateway…", "正在检查网关……").of(language);
    crate::wait_for(async {
        let answer = Box::pin(prompt.wait(text, health::brief(program))).await;
        match answer {
            Ok(Some(Ok(lines))) => prompt.passed(&lines.join("\n")),
            Ok(Some(Err(failure))) => {
                let hint = failure.hint.unwrap_or_default();
                prompt.note(&format!("{}\n{hint}", failure.message));
            }
            Ok(None) | Err(_) => {}
        }
        Ok(())
    })
}

fn left() -> Failure {
    Failure::new(Sort::Failed, "the questions were not answered to the end")
        .hint("what was confirmed before is written; the rest is as it was")
}
