//! Carries out slash commands.

use domain::{Assistant, Content, Message, StopReason, UnixMillis, Usage};
use policy::Verdict;

use crate::{
    Submission, SubmitError,
    commands::{self, Command, HELP, Setting},
    compact,
    session::Session,
    status,
};

mod subagents;

/// What a command leads to.
pub(crate) enum Answer {
    /// This text, and no turn.
    Text(String),
    /// A turn with this message.
    Turn(Content),
}

/// What the agent is told when a person starts afresh without a word.
const GREETING: &str = "A fresh conversation was started. Greet the person in one or two short sentences in your own \
voice and ask what they would like to do. Do not mention this note, files or tools.";

/// Carries out `command`.
pub(crate) async fn to(
    session: &mut Session,
    command: Command,
    submission: &Submission,
) -> Result<Answer, SubmitError> {
    match command {
        // A skill is no more than a message; the session lines that up like any other.
        Command::Help | Command::Skill(_) => Ok(Answer::Text(HELP.to_owned())),
        Command::Status => Ok(Answer::Text(card(session))),
        Command::WhoAmI => Ok(Answer::Text(format!("You write by way of {}.", submission.channel))),
        Command::Reset(rest) => reset(session, &rest).await,
        Command::Compact(wish) => compact_now(session, &wish).await,
        Command::Subagents(rest) => {
            Ok(Answer::Text(subagents::answer(session, &rest, submission).await))
        }
        Command::Approve(answer) => Ok(Answer::Text(approve(session, answer, submission).await)),
        Command::Set(setting, value) => set(session, setting, value).await.map(Answer::Text),
        Command::Model(name) => model(session, name).await.map(Answer::Text),
    }
}

/// A message in the assistant's mouth that no model made.
pub(crate) fn injected(text: &str, now: UnixMillis) -> Message {
    Message::Assistant(Assistant {
        content: Content::text(text),
        api: "openai-responses".to_owned(),
        provider: "openclaw".to_owned(),
        model: "gateway-injected".to_owned(),
        usage: Usage::default(),
        stop_reason: StopReason::Injected,
        error_message: None,
        timestamp: now,
    })
}

fn card(session: &Session) -> String {
    let (key, agent) = session.names();
    status::card(&session.io, key, agent, session.is_busy())
}

async fn reset(session: &mut Session, rest: &str) -> Result<Answer, SubmitError> {
    session.start_afresh().await?;
    let text = if rest.is_empty() { GREETING } else { rest };
    Ok(Answer::Turn(Content::text(text)))
}

async fn compact_now(session: &mut Session, wish: &str) -> Result<Answer, SubmitError> {
    if session.is_busy() {
        return Ok(Answer::Text("Busy. Send /stop first, or try again in a moment.".to_owned()));
    }
    let Some(mut turn) = session.idle_turn().await? else {
        return Ok(Answer::Text("There is nothing to shorten yet.".to_owned()));
    };
    let before = turn.transcript.context().messages.rough_tokens();
    let made = compact::run(&mut turn, &session.io, wish).await;
    let after = turn.transcript.context().messages.rough_tokens();
    session.take_back(turn);
    Ok(Answer::Text(match made? {
        0 => "There is nothing to shorten yet.".to_owned(),
        _ => format!("Shortened: about {before} tokens before, {after} now."),
    }))
}

async fn approve(
    session: &Session,
    answer: Option<(String, Verdict)>,
    submission: &Submission,
) -> String {
    if !submission.may_approve {
        return "You may not answer questions about commands here.".to_owned();
    }
    let Some((id, verdict)) = answer else {
        return "Usage: /approve <id> allow-once|allow-always|deny".to_owned();
    };
    let Some(approver) = &session.io.ports.approver else {
        return "Nobody asks here.".to_owned();
    };
    match approver.answer(&id, verdict, &submission.channel).await {
        Some(id) => format!("Noted: {} for {id}.", verdict.as_str().unwrap_or("no answer")),
        None => format!("No question `{id}` waits for an answer."),
    }
}

async fn set(
    session: &Session,
    setting: Setting,
    value: Option<String>,
) -> Result<String, SubmitError> {
    let choices = commands::choices(setting).join(", ");
    let (key, agent) = session.names();
    let sessions = session.io.store.sessions(agent);
    let Some(value) = value else {
        let entry = sessions.get(key);
        let current = entry.as_ref().and_then(|it| match setting {
            Setting::Think => it.thinking_level.clone(),
            Setting::Verbose => it.verbose_level.clone(),
            Setting::Reasoning => it.reasoning_level.clone(),
            Setting::Queue => it.queue_mode.clone(),
        });
        let current = current.unwrap_or_else(|| "default".to_owned());
        return Ok(format!("Now: {current}. Choices: {choices}."));
    };
    let value = match setting {
        Setting::Think => commands::thinking_level(&value).unwrap_or(&value).to_owned(),
        Setting::Verbose | Setting::Reasoning | Setting::Queue => value,
    };
    if !commands::choices(setting).contains(&value.as_str()) {
        return Ok(format!("`{value}` is not a choice. Choices: {choices}."));
    }
    let stored = (value != "default").then(|| value.clone());
    sessions
        .update(key, |entry| match setting {
            Setting::Think => entry.thinking_level = stored,
            Setting::Verbose => entry.verbose_level = stored,
            Setting::Reasoning => entry.reasoning_level = stored,
            Setting::Queue => entry.queue_mode = stored,
        })
        .await?;
    Ok(format!("Set to {value}."))
}

async fn model(session: &Session, name: Option<String>) -> Result<String, SubmitError> {
    let (key, agent) = session.names();
    match name {
        None => Ok(card(session)),
        Some(name) => match status::choose_model(&session.io, key, agent, &name).await? {
            Ok(model) => Ok(format!("Model: {model}.")),
            Err(why) => Ok(why),
        },
    }
}
