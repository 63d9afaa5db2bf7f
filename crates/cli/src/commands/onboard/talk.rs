//! `onboard` with a person at a terminal: asks what the wizard wants to know, tries the key,
//! writes, and says how it goes on.

use std::{sync::Arc, time::Duration};

use onboard::{
    Auth, Check, Done, Failed, Language, ModelSetup, Plan, Setup, Target, Text, Token, Turn, Wizard,
};

use super::{
    COMMAND,
    after::{self, Begin},
    flags::Args,
    place::{facts, not_applied, place, refused},
    prompt::{Prompt, Said},
    quiet,
};
use crate::{
    error::{Failure, Kind},
    program::Program,
    tls, ui,
};

/// How long a look at the gateway's port may take.
pub(super) const LOOK: Duration = Duration::from_millis(300);

/// What became of the questions.
pub(crate) enum Talked {
    /// All is decided.
    Decided(Box<Setup>),
    /// The person left.
    Left,
}

pub(super) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    let mut facts = facts(program)?;
    if let Some(language) = &args.lang {
        facts.language = Language::of_locale(language);
    }
    let (language, in_container) = (facts.language, facts.in_container);
    let flags = args.flags(program.clock.as_ref())?;
    let mut wizard = Wizard::onboard(facts, flags, COMMAND).map_err(|refusal| refused(&refusal))?;
    if args.accept_risk {
        wizard = wizard.with_risk_accepted();
    }
    let title = format!("OpenClaw {}", env!("CARGO_PKG_VERSION"));
    let mut prompt = open(language)?;
    prompt.intro(&title);
    let Talked::Decided(setup) = drive(program, &mut wizard, &mut prompt)? else {
        prompt.outro(Text("Nothing was written.", "没有写入任何内容。").of(language));
        return Ok(());
    };
    let plan = wizard.plan(&setup);
    let done = onboard::apply(&plan, &place(program)).map_err(|error| not_applied(&error))?;
    program.reload();
    for line in quiet::lines(program, &done) {
        prompt.passed(&line);
    }
    let is_here = !in_container && !matches!(setup.target, Some(Target::Remote { .. }));
    let port = port_of(&done);
    let runs = after::gateway_runs(port);
    let mut begin = Begin::Later;
    if is_here {
        after::offer_completion(program, &mut prompt, language)?;
        if !args.steps.skip_ui {
            begin = after::ask_to_begin(&mut prompt, language, runs)?;
        }
    }
    prompt.outro(Text("Done.", "完成。").of(language));
    drop(prompt);
    quiet::service(args, in_container);
    let way = Way { runs, begin, language };
    for line in next(program, args, &setup, &done, &way) {
        ui::answer(line);
    }
    after::begin(program, begin)
}

fn port_of(done: &Done) -> u16 {
    done.edited.loaded.config.as_ref().map_or(onboard::PORT_DEFAULT, |it| it.gateway.port)
}

/// Takes the terminal.
pub(crate) fn open(language: Language) -> Result<Prompt, Failure> {
    Prompt::open(language).map_err(|error| broken(&error))
}

/// Asks until all is decided or the person leaves.
pub(crate) fn drive(
    program: &Program,
    wizard: &mut Wizard,
    prompt: &mut Prompt,
) -> Result<Talked, Failure> {
    let (mut last, mut rejected) = (None, None);
    loop {
        match wizard.turn() {
            Turn::Declined => return Ok(Talked::Left),
            Turn::Done(setup) => return Ok(Talked::Decided(setup)),
            Turn::Check(check) => {
                let (model, plan) = *check;
                let outcome = try_key(program, wizard, prompt, &model, &plan)?;
                wizard.checked(outcome);
            }
            Turn::Ask(question) => {
                let said = prompt
                    .ask(&question, last.as_ref(), rejected.as_deref())
                    .map_err(|error| broken(&error))?;
                (last, rejected) = (None, None);
                match said {
                    Said::Leave => return Ok(Talked::Left),
                    Said::Back => {
                        wizard.back();
                    }
                    Said::Answer(answer) => match wizard.answer(answer.clone()) {
                        Ok(()) => prompt.take(&question, &answer),
                        Err(why) => (last, rejected) = (Some(answer), Some(why)),
                    },
                }
            }
        }
    }
}

/// Tries the key with one request, which the person may cut short.
fn try_key(
    program: &Program,
    wizard: &Wizard,
    prompt: &mut Prompt,
    model: &ModelSetup,
    plan: &Plan,
) -> Result<Result<(), Failed>, Failure> {
    tls::install();
    let language = wizard.facts().language;
    let check = Check::of(model, plan, &place(program), Arc::clone(&program.clock))
        .map_err(|error| not_applied(&error))?;
    let Some(check) = check else { return Ok(Ok(())) };
    let text =
        Text("Trying the key with one small request…", "正在用一个小请求验证密钥……").of(language);
    let mut outcome = None;
    crate::wait_for(async {
        outcome = prompt.wait(text, check.run()).await.map_err(|error| broken(&error))?;
        Ok(())
    })?;
    let stopped = || Failed { reason: "timeout", text: "stopped by hand".to_owned() };
    let outcome = outcome.unwrap_or_else(|| Err(stopped()));
    if outcome.is_ok() {
        let name = model.reference().unwrap_or_default();
        let text = Text("The model answers:", "模型可用：").of(language);
        prompt.passed(&format!("{text} {name}"));
    }
    Ok(outcome)
}

/// How it goes on from here.
struct Way {
    /// Whether a gateway runs already.
    runs: bool,
    begin: Begin,
    language: Language,
}

/// What a person does next.
fn next(program: &Program, args: &Args, setup: &Setup, done: &Done, way: &Way) -> Vec<String> {
    let Way { runs, begin, language } = *way;
    let command = program.invocation();
    let mut lines = Vec::new();
    let mut add =
        |text: Text, what: String| lines.push(format!("{:<14} {what}", text.of(language)));
    if let Some(Target::Remote { url, .. }) = &setup.target {
        add(Text("Gateway:", "网关："), url.clone());
        add(Text("Ask it:", "检查："), format!("{command} health"));
        return lines;
    }
    let port = port_of(done);
    if runs {
        add(
            Text("Gateway:", "网关："),
            Text("runs; it takes the new settings by itself", "正在运行，会自动应用新设置")
                .of(language)
                .to_owned(),
        );
    } else if begin != Begin::Gateway {
        let start = if config::in_container(program.env()) {
            "docker compose up -d openclaw-gateway".to_owned()
        } else {
            format!("{command} gateway run")
        };
        add(Text("Start it:", "启动："), start);
    }
    if !args.steps.skip_ui {
        let path = done
            .edited
            .loaded
            .config
            .as_ref()
            .map_or("", |it| it.gateway.control_ui.base_path.as_str());
        let url = format!("http://127.0.0.1:{port}{path}/");
        add(Text("Control UI:", "控制台："), url.clone());
        let token = setup.gateway.as_ref().and_then(|gateway| match &gateway.auth {
            Auth::Token(Token::Fresh(token) | Token::Given(token)) => Some(token),
            Auth::Token(Token::Kept | Token::Variable(_)) | Auth::Password(_) => None,
        });
        if let Some(token) = token.filter(|_| !args.steps.suppress_gateway_token_output) {
            add(Text("With token:", "带令牌："), format!("{url}#token={}", token.expose()));
        }
    }
    if setup.model.is_some() {
        add(Text("Talk to it:", "对话："), format!("{command} tui"));
    } else {
        add(Text("Add a model:", "添加模型："), format!("{command} configure --section model"));
    }
    if !args.steps.skip_skills {
        add(Text("Skills:", "技能："), format!("{command} skills check"));
    }
    add(Text("Change it:", "修改："), format!("{command} configure"));
    add(Text("Back it up:", "备份："), program.locations.shorten(&program.locations.state_dir));
    lines
}

pub(super) fn broken(error: &std::io::Error) -> Failure {
    Failure::while_doing(Kind::Failed, "the terminal cannot be used", error)
}
