//! One request that goes from candidate to candidate until one answers.
//!
//! Which one is next, and whether there is a next one, is [`crate::fallback`]'s to say.

use std::{collections::VecDeque, path::PathBuf, sync::Arc};

use futures_util::{StreamExt, stream::BoxStream};

use crate::{
    Candidates, Delta, Model, ModelError, Models, Provider, Request,
    dialect::{Dialect, Route},
    endpoint::Endpoint,
    resolve::nothing_to_ask,
};

/// Makes the request for a model.
pub(crate) type Make = Box<dyn Fn(Arc<Model>) -> Request + Send>;

/// Whether [`Delta::Model`] is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// It is.
    Told,
    /// It is not.
    Silent,
}

/// One model behind one key.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The model.
    pub(crate) model: Arc<Model>,
    /// How it is spoken to.
    pub(crate) dialect: &'static Dialect,
    /// How it is reached, with the key.
    pub(crate) route: Arc<Route>,
    /// Name of its cool-down.
    pub(crate) slot: String,
    /// The auth profile that the key is from.
    pub(crate) profile: Option<String>,
    /// Where that profile is kept.
    pub(crate) agent_dir: PathBuf,
}

/// A request that looks for a target that works.
struct Run {
    models: Models,
    candidates: Candidates<Result<Target, ModelError>>,
    naming: Naming,
    make: Make,
    /// At most one name or one error.
    ready: VecDeque<Result<Delta, ModelError>>,
    current: Option<(Target, BoxStream<'static, Result<Delta, ModelError>>)>,
    named: Option<Arc<Model>>,
    /// Whether text of the current reply was handed on.
    shown: bool,
    over: bool,
}

/// Streams the reply of the first of `candidates` that works.
pub(crate) fn start(
    models: Models,
    candidates: Candidates<Result<Target, ModelError>>,
    naming: Naming,
    make: Make,
) -> BoxStream<'static, Result<Delta, ModelError>> {
    let run = Run {
        models,
        candidates,
        naming,
        make,
        ready: VecDeque::new(),
        current: None,
        named: None,
        shown: false,
        over: false,
    };
    futures_util::stream::unfold(run, Run::next).boxed()
}

impl Run {
    async fn next(mut self) -> Option<(Result<Delta, ModelError>, Self)> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some((item, self));
            }
            if self.over {
                return None;
            }
            let Some((target, stream)) = self.current.as_mut() else {
                self.advance();
                continue;
            };
            match stream.next().await {
                Some(Ok(delta)) => {
                    self.shown |= matches!(delta, Delta::Text(_));
                    if matches!(delta, Delta::Done(_)) {
                        self.models.note(target, None).await;
                    }
                    return Some((Ok(delta), self));
                }
                Some(Err(error)) => {
                    self.models.note(target, Some(error.kind)).await;
                    self.current = None;
                    self.fail(error);
                }
                None => self.over = true,
            }
        }
    }

    /// Begins with the next candidate, or ends.
    fn advance(&mut self) {
        match self.candidates.take() {
            Some(Ok(target)) => {
                let is_new = self.named.as_ref().is_none_or(|it| !Arc::ptr_eq(it, &target.model));
                if self.naming == Naming::Told && is_new {
                    self.ready.push_back(Ok(Delta::Model {
                        provider: target.model.provider.clone(),
                        model: target.model.id.clone(),
                    }));
                }
                self.named = Some(target.model.clone());
                let shared = &self.models.shared;
                let endpoint = Endpoint {
                    dialect: target.dialect,
                    route: target.route.clone(),
                    clients: shared.clients.clone(),
                    limits: shared.limits,
                    learned: shared.learned.clone(),
                    clock: shared.settings.clock.clone(),
                };
                let stream = endpoint.stream((self.make)(target.model.clone()));
                self.current = Some((target, stream));
            }
            Some(Err(error)) => self.fail(error),
            None => {
                self.over = true;
                if self.named.is_none() {
                    self.ready.push_back(Err(nothing_to_ask()));
                }
            }
        }
    }

    fn fail(&mut self, error: ModelError) {
        if let Some(error) = self.candidates.failed(error, self.shown) {
            self.over = true;
            self.ready.push_back(Err(error));
        }
    }
}
