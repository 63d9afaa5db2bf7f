//! A turn in this process: the same hub, store and models as in the gateway, for one message.

use std::sync::Arc;

use agent::{Lookup, Outcome, Parts, Sessions, Stop, Submission, Submitted, sandboxes};
use config::Config;
use domain::{AgentId, Content, SessionKey, TurnId};
use sandbox::host::{self, Confinement, Host};
use store::{OpenError, OpenOptions, OwnerFile, Store};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Args, FOREVER, GRACE, known_agent, print};
use crate::{
    error::{Failure, Kind},
    logging,
    program::Program,
    state, tls, ui,
};

pub(super) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    tls::install();
    let config = Arc::clone(program.servable_config()?);
    logging::start(logging::Plan::<std::io::Sink> {
        console: logging::level("warn"),
        style: logging::Style::Compact,
        file: logging::level("silent"),
        sink: None,
        clock: Arc::clone(&program.clock),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot start", &error))?;
    let outcome = runtime.block_on(turn(program, args, config))?;
    report(args, &outcome)
}

async fn turn(
    program: &Program,
    args: &Args,
    config: Arc<Config>,
) -> Result<Arc<Outcome>, Failure> {
    let store = Store::open(OpenOptions {
        state_dir: program.locations.state_dir.clone(),
        sessions_template: config.session.store.clone(),
        clock: Arc::clone(&program.clock),
    })
    .map_err(|error| {
        let failure = state::failure(&error);
        if args.local && matches!(error, OpenError::Locked { .. }) {
            return failure.hint("leave out --local: that process is a gateway and takes turns");
        }
        failure
    })?;
    let (_config_writer, config_reader) = watch::channel(Arc::clone(&config));
    let session = session_of(program, args, &config, &store)?;
    if let Some(level) = args.verbose {
        let agent = session.agent().unwrap_or_else(|| config.agents.default.clone());
        let level = level.as_str().to_owned();
        let sessions = store.sessions(&agent);
        sessions
            .update(&session, |entry| entry.verbose_level = Some(level))
            .await
            .map_err(|error| Failure::of(Kind::State, &error))?;
    }
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let owner = OwnerFile::new(&program.locations.state_dir).claim(program.clock.now());
    let ground = sandboxes::Ground {
        env: program.env().vars().clone(),
        home: program.locations.home.clone(),
        state_dir: program.locations.state_dir.clone(),
        owner: owner.map_err(|error| Failure::of(Kind::State, &error))?,
        clock: Arc::clone(&program.clock),
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    let engines = sandboxes::engines(&ground);
    let (sessions, events) = Sessions::start(Parts {
        config: config_reader,
        store: store.clone(),
        models: state::models(program, &store),
        backend: Arc::new(Host::new(
            tasks.clone(),
            host::Config {
                confinement: if config.tools.workspace_only {
                    Confinement::Workspace
                } else {
                    Confinement::None
                },
            },
        )),
        sandboxes: Arc::clone(&engines),
        clock: Arc::clone(&program.clock),
        place: state::place(program),
        ports: agent::Ports::default(),
    });
    let mut watchers = JoinSet::new();
    watchers.spawn(drain(events));
    let outcome = submit(&sessions, args, session).await;
    sessions.close(std::time::Duration::ZERO).await;
    drop(sessions);
    sandboxes::close(&engines).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await.map_err(|error| Failure::of(Kind::State, &error))?;
    outcome
}

async fn submit(
    sessions: &Sessions,
    args: &Args,
    session: SessionKey,
) -> Result<Arc<Outcome>, Failure> {
    let turn = TurnId::random();
    let mut submission =
        Submission::of(turn.clone(), session, Content::text(args.message.as_str()));
    submission.channel = args.channel.clone().unwrap_or_else(|| "cli".to_owned());
    submission.thinking = args.thinking.map(|level| level.as_str().to_owned());
    submission.timeout = Some(std::time::Duration::from_secs(args.timeout));
    match sessions.submit(submission).await {
        Ok(Submitted::Started | Submitted::InFlight) => {}
        Ok(Submitted::Done(outcome)) => return Ok(outcome),
        Ok(Submitted::Stopped(_)) => {
            return Err(Failure::new(Kind::Refused, "nothing runs here that could be stopped"));
        }
        Err(error) => return Err(Failure::of(Kind::Refused, &error)),
    }
    let patience = args.limit().map_or(FOREVER, |limit| limit + GRACE);
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {
            Err(Failure::new(Kind::Interrupted, "interrupted; the turn was stopped"))
        }
        lookup = sessions.wait(&turn, patience) => match lookup {
            Lookup::Done(outcome) => Ok(outcome),
            Lookup::Pending => Err(Failure::new(Kind::Timeout, "the turn did not end in time")),
        },
    }
}

/// Nobody watches an embedded turn; its events must not wait for a reader all the same.
async fn drain(mut events: mpsc::Receiver<agent::Event>) {
    while events.recv().await.is_some() {}
}

fn session_of(
    program: &Program,
    args: &Args,
    config: &Config,
    store: &Store,
) -> Result<SessionKey, Failure> {
    let agent: AgentId = match &args.agent {
        Some(id) => known_agent(program, id)?,
        None => config.agents.default.clone(),
    };
    if let Some(id) = &args.session_id {
        let found = store.sessions(&agent).find(id);
        return found.map(|(key, _)| key).ok_or_else(|| {
            Failure::new(Kind::Refused, format!("no conversation of `{agent}` has the id `{id}`"))
                .hint("openclaw sessions")
        });
    }
    if config.session.global_scope {
        return Ok(SessionKey::stored("global"));
    }
    Ok(SessionKey::of(&agent, &config.session.main_key))
}

fn report(args: &Args, outcome: &Outcome) -> Result<(), Failure> {
    let aborted = match &outcome.stop {
        Stop::Done => false,
        Stop::Aborted { .. } => true,
        Stop::Failed { error, .. } => return Err(Failure::told(Kind::Failed, error)),
    };
    let result = gateway::turn_result(outcome);
    if args.json {
        ui::answer_json(&result);
    } else {
        print(&result["payloads"]);
    }
    if aborted {
        return Err(Failure::new(Kind::Timeout, "the turn was stopped before it was done")
            .answered(args.json));
    }
    Ok(())
}
