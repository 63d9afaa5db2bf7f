//! The setup wizard that a client walks through: one at a time, kept here between its calls.
//!
//! Owns the session. What is asked and what comes of it is the `onboard` crate's to say, as it
//! is in the terminal. A check of a key runs without holding anything, so that a client can
//! cancel meanwhile; its outcome counts only if the session is still the same.

mod step;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Secret;
use onboard::{Check, Facts, Flags, Place, Turn, Wizard};
use serde_json::Value;
use tracing::{info, warn};
use uuid::Uuid;

pub(crate) use self::step::Step;
use crate::{
    app::{VERSION, reload},
    state::Gateway,
};

/// What the note in the config says of a setup through the gateway.
const COMMAND: &str = "onboard";

/// The wizard that runs, if one does.
#[derive(Debug, Default)]
pub(crate) struct Wizards {
    /// Leaf state: locked for a look or a step that does not wait.
    present: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    id: String,
    wizard: Wizard,
    /// Counts answers, so that a late repeat of one is not taken for the next.
    serial: u32,
    /// Whether a key is being tried, or the plan carried out.
    is_busy: bool,
}

/// How a session stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The session.
    pub(crate) id: String,
    /// What is asked; `None` when it is over.
    pub(crate) step: Option<Step>,
    /// `running`, `done`, `cancelled` or `error`.
    pub(crate) status: &'static str,
    /// Why the last answer would not do, or why the session ended.
    pub(crate) error: Option<String>,
}

/// Why a wizard would not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Another session runs: this one.
    #[error("wizard already running")]
    Running(String),
    /// There is no session of that id.
    #[error("wizard not found")]
    Unknown,
    /// The answer is not to what is asked.
    #[error("wizard: no pending step")]
    NotAsked,
    /// A key is being tried for an earlier call.
    #[error("wizard is busy with an earlier answer")]
    Busy,
    /// What was asked for makes no sense.
    #[error("{0}")]
    Flags(String),
}

/// An answer to a step.
pub(crate) struct Given {
    /// The step.
    pub(crate) step: String,
    /// What was said; nothing stands for what the step proposes.
    pub(crate) value: Option<Value>,
}

impl Wizards {
    /// Begins a session, in the language of `locale`, else that of the process.
    pub(crate) async fn start(
        &self,
        gateway: &Arc<Gateway>,
        flags: Flags,
        locale: Option<&str>,
    ) -> Result<Standing, Refused> {
        let mut facts = facts(gateway);
        facts.language = locale.map_or(facts.language, onboard::Language::of_locale);
        let wizard = Wizard::onboard(facts, flags, COMMAND)
            .map_err(|refusal| Refused::Flags(refusal.to_string()))?;
        let id = Uuid::new_v4().to_string();
        {
            let mut present = self.lock();
            if let Some(other) = &*present {
                return Err(Refused::Running(other.id.clone()));
            }
            *present = Some(Session { id: id.clone(), wizard, serial: 0, is_busy: false });
        }
        info!("setup wizard begins");
        self.go_on(gateway, &id, None).await
    }

    /// Takes an answer, if there is one, and says what is asked now.
    pub(crate) async fn next(
        &self,
        gateway: &Arc<Gateway>,
        id: &str,
        given: Option<Given>,
    ) -> Result<Standing, Refused> {
        let mut rejected = None;
        if let Some(given) = given {
            let mut present = self.lock();
            let session = find(&mut present, id)?;
            if session.is_busy {
                return Err(Refused::Busy);
            }
            let Turn::Ask(question) = session.wizard.turn() else { return Err(Refused::NotAsked) };
            if step::id_of(question.ask, session.serial) != given.step {
                return Err(Refused::NotAsked);
            }
            let answer = question.kind.read(given.value.as_ref());
            let taken = match answer {
                Some(answer) => session.wizard.answer(answer),
                None => Err("this is no answer to the question".to_owned()),
            };
            match taken {
                Ok(()) => session.serial = session.serial.wrapping_add(1),
                Err(why) => rejected = Some(why),
            }
        }
        self.go_on(gateway, id, rejected).await
    }

    /// Ends a session without writing anything.
    pub(crate) fn cancel(&self, id: &str) -> Result<Standing, Refused> {
        let mut present = self.lock();
        find(&mut present, id)?;
        *present = None;
        info!("setup wizard is cancelled");
        Ok(Standing { id: id.to_owned(), step: None, status: "cancelled", error: None })
    }

    /// How a session stands.
    pub(crate) fn status(&self, id: &str) -> Result<Standing, Refused> {
        find(&mut self.lock(), id)?;
        Ok(Standing { id: id.to_owned(), step: None, status: "running", error: None })
    }

    /// Does what needs no person until there is a question or an end.
    async fn go_on(
        &self,
        gateway: &Arc<Gateway>,
        id: &str,
        rejected: Option<String>,
    ) -> Result<Standing, Refused> {
        loop {
            let work = {
                let mut present = self.lock();
                let session = find(&mut present, id)?;
                if session.is_busy {
                    return Err(Refused::Busy);
                }
                match session.wizard.turn() {
                    Turn::Ask(question) => {
                        let step = Step::of(&question, session.serial);
                        let id = id.to_owned();
                        return Ok(Standing {
                            id,
                            step: Some(step),
                            status: "running",
                            error: rejected,
                        });
                    }
                    Turn::Declined => {
                        *present = None;
                        let id = id.to_owned();
                        return Ok(Standing {
                            id,
                            step: None,
                            status: "cancelled",
                            error: rejected,
                        });
                    }
                    turn @ (Turn::Check(_) | Turn::Done(_)) => {
                        session.is_busy = true;
                        (turn, session.wizard.clone())
                    }
                }
            };
            // A caller that goes away meanwhile leaves a session that can go on.
            let _rest = Rest { wizards: self, id };
            let (turn, wizard) = work;
            match turn {
                Turn::Check(check) => {
                    let outcome = try_key(gateway, &check.0, &check.1).await;
                    if let Ok(session) = find(&mut self.lock(), id) {
                        session.wizard.checked(outcome);
                    }
                }
                Turn::Done(setup) => {
                    let error = write(gateway, wizard, &setup).await.err();
                    let status = if error.is_none() { "done" } else { "error" };
                    let mut present = self.lock();
                    if find(&mut present, id).is_ok() {
                        *present = None;
                    }
                    return Ok(Standing { id: id.to_owned(), step: None, status, error });
                }
                Turn::Ask(_) | Turn::Declined => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a session be used again.
struct Rest<'a> {
    wizards: &'a Wizards,
    id: &'a str,
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if let Ok(session) = find(&mut self.wizards.lock(), self.id) {
            session.is_busy = false;
        }
    }
}

fn find<'a>(present: &'a mut Option<Session>, id: &str) -> Result<&'a mut Session, Refused> {
    present.as_mut().filter(|session| session.id == id).ok_or(Refused::Unknown)
}

/// What is known before the first question.
fn facts(gateway: &Gateway) -> Facts {
    let fresh: String = (0..2).map(|_| Uuid::new_v4().simple().to_string()).collect();
    let fresh = Secret::new(fresh.get(..48).unwrap_or(&fresh));
    let loaded = config::load(&gateway.locations, &gateway.env);
    let mut facts = Facts::of(&loaded.snapshot, &gateway.locations, &gateway.env, fresh);
    facts.in_container = gateway.identity.is_contained;
    facts
}

fn place(gateway: &Gateway) -> Place<'_> {
    Place {
        locations: &gateway.locations,
        env: &gateway.env,
        version: VERSION,
        now: gateway.clock.now(),
        seeds: &agent::WORKSPACE_SEEDS,
    }
}

async fn try_key(
    gateway: &Gateway,
    model: &onboard::ModelSetup,
    plan: &onboard::Plan,
) -> Result<(), onboard::Failed> {
    match Check::of(model, plan, &place(gateway), Arc::clone(&gateway.clock)) {
        Ok(Some(check)) => check.run().await,
        Ok(None) => Ok(()),
        Err(error) => Err(onboard::Failed { reason: "format", text: error.to_string() }),
    }
}

/// Carries out what was decided, and waits until it is in force.
async fn write(
    gateway: &Arc<Gateway>,
    wizard: Wizard,
    setup: &onboard::Setup,
) -> Result<(), String> {
    let plan = wizard.plan(setup);
    let writer = Arc::clone(gateway);
    let done = tokio::task::spawn_blocking(move || onboard::apply(&plan, &place(&writer))).await;
    match done {
        Ok(Ok(_)) => {
            reload::settled(gateway).await;
            info!("setup wizard is done");
            Ok(())
        }
        Ok(Err(error)) => {
            warn!(error = crate::rpc::error::chain(&error), "setup wizard cannot write");
            Err(error.to_string())
        }
        Err(error) => {
            warn!(%error, "setup wizard broke off");
            Err("internal error".to_owned())
        }
    }
}
