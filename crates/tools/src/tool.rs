//! The seam of tools: typed tools, erased once, judged before they run.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use domain::{Call, CallResult, Content, Effect, SessionKey, ToolSpec};
use futures_util::future::BoxFuture;
use policy::Permit;
use sandbox::{Sandbox, SandboxError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    background::Machine,
    names,
    schema::{self, Parameters},
};

/// Selections of tools whose specs are remembered. Sessions differ in a handful of ways; one
/// more selection than this empties the memory.
const SELECTIONS_MAX: usize = 64;

/// One tool.
pub trait Tool: Send + Sync + 'static {
    /// Name the model calls it by.
    const NAME: &'static str;
    /// What the model is told.
    const DESCRIPTION: &'static str;
    /// Its arguments; their docs are shown to the model.
    type Args: DeserializeOwned + JsonSchema + Send + 'static;

    /// What a call would do. Pure.
    fn effect(&self, args: &Self::Args) -> Effect;

    /// Does it.
    ///
    /// # Errors
    ///
    /// What the model should read as a failure. Dropping the future aborts the call.
    fn run(
        &self,
        args: Self::Args,
        permit: Permit,
        cx: &ToolCx,
    ) -> impl Future<Output = Result<ToolOutput, ToolError>> + Send;
}

/// What a tool has at hand.
#[derive(Clone)]
pub struct ToolCx {
    /// The conversation that calls.
    pub session: SessionKey,
    /// The machine to act on.
    pub sandbox: Arc<dyn Sandbox>,
    /// Bounds and settings of the calling agent.
    pub limits: Arc<Limits>,
    /// Where intermediate output goes.
    pub progress: Progress,
    /// Fires when the turn is stopped.
    pub cancel: CancellationToken,
}

/// Bounds and settings of the calling agent, resolved once per turn.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `tools.exec` of this agent.
    pub exec: config::Exec,
    /// Whether commands may move to the background, that is, whether `process` is allowed.
    pub background: bool,
    /// Whether file tools are confined to the workspace.
    pub workspace_only: bool,
    /// The machine that the call runs on.
    pub machine: Machine,
    /// Whether plain commands of a sandboxed session run on the host all the same.
    pub runs_outside: bool,
    /// Most characters of a command's output that are kept; the tail stays.
    pub output_chars_max: usize,
    /// How often progress is reported at most.
    pub progress_every: Duration,
}

impl Limits {
    /// Whether the call runs in a sandbox.
    pub fn is_sandboxed(&self) -> bool {
        self.machine != Machine::Host
    }
}

/// Takes intermediate results. Full or closed receivers never slow the tool down.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(CallResult) + Send + Sync>>);

impl Progress {
    /// Reports to `sink`, which must not block.
    pub fn new(sink: impl Fn(CallResult) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sink)))
    }

    /// Reports what a call has brought so far.
    pub fn report(&self, so_far: CallResult) {
        if let Some(sink) = &self.0 {
            sink(so_far);
        }
    }
}

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// What the model sees.
    pub content: Content,
    /// What clients see beside it.
    pub details: Option<Value>,
}

impl ToolOutput {
    /// Just text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: Content::text(text), details: None }
    }

    /// A JSON payload: pretty-printed for the model, as it is for clients.
    pub fn json(payload: Value) -> Self {
        Self { content: Content::text(format!("{payload:#}")), details: Some(payload) }
    }
}

/// A failure, as the model reads it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The arguments make no sense; the text says which and why.
    #[error("{0}")]
    Arguments(String),
    /// The call failed; the text says how.
    #[error("{0}")]
    Failed(String),
    /// The machine failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The turn was stopped.
    #[error("aborted")]
    Aborted,
}

/// A tool without its types.
trait Erased: Send + Sync {
    fn spec(&self) -> Arc<ToolSpec>;
    fn prepare(self: Arc<Self>, arguments: Value) -> Result<Prepared, ToolError>;
}

type Run = dyn FnOnce(Permit, ToolCx) -> BoxFuture<'static, Result<ToolOutput, ToolError>> + Send;

/// A call whose arguments are understood but which was not judged yet. What it needs of the
/// world it gets when it runs, so that a refused call never opened a machine.
pub struct Prepared {
    /// The tool.
    pub tool: &'static str,
    /// What the call would do.
    pub effect: Effect,
    run: Box<Run>,
}

impl Prepared {
    /// Does it. Failures become results for the model, as JSON with `status: "error"`.
    pub async fn run(self, permit: Permit, cx: ToolCx) -> CallResult {
        match (self.run)(permit, cx).await {
            Ok(output) => {
                CallResult { content: output.content, details: output.details, is_error: false }
            }
            Err(error) => error_result(self.tool, &error),
        }
    }
}

/// A failure as the model reads it.
pub fn error_result(tool: &str, error: &ToolError) -> CallResult {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    let payload = serde_json::json!({ "status": "error", "tool": tool, "error": text });
    CallResult {
        content: Content::text(format!("{payload:#}")),
        details: Some(payload),
        is_error: true,
    }
}

/// All tools there are, by name.
#[derive(Clone, Default)]
pub struct Registry {
    tools: BTreeMap<&'static str, Arc<dyn Erased>>,
    selections: Arc<Mutex<Selections>>,
}

type Selections = BTreeMap<Vec<&'static str>, Arc<[ToolSpec]>>;

impl Registry {
    /// Adds a tool.
    #[must_use]
    pub fn with<T: Tool>(mut self, tool: T) -> Self {
        self.tools.insert(T::NAME, Arc::new(Typed { tool, told: OnceLock::new() }));
        self.selections = Arc::default();
        self
    }

    /// Names of all tools, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.tools.keys().copied()
    }

    /// What the model is told of each tool that `offered` accepts, sorted by name.
    pub fn specs(&self, offered: impl Fn(&str) -> bool) -> Vec<ToolSpec> {
        self.specs_shared(offered).to_vec()
    }

    /// Same as [`Self::specs`], but the same selection gives the same allocation.
    pub fn specs_shared(&self, offered: impl Fn(&str) -> bool) -> Arc<[ToolSpec]> {
        let names: Vec<&'static str> = self.names().filter(|name| offered(name)).collect();
        let mut selections = self.selections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(specs) = selections.get(&names) {
            return Arc::clone(specs);
        }
        let specs: Arc<[ToolSpec]> = names
            .iter()
            .filter_map(|name| self.tools.get(name))
            .map(|tool| ToolSpec::clone(&tool.spec()))
            .collect();
        if selections.len() >= SELECTIONS_MAX {
            selections.clear();
        }
        selections.insert(names, Arc::clone(&specs));
        specs
    }

    /// Understands a call, also by the names that models give a tool instead of its own.
    ///
    /// # Errors
    ///
    /// [`ToolError::Arguments`] for an unknown tool or arguments that do not fit.
    pub fn prepare(&self, call: &Call) -> Result<Prepared, ToolError> {
        let (_, tool) = self
            .find(&call.name)
            .ok_or_else(|| ToolError::Arguments(format!("there is no tool `{}`", call.name)))?;
        Arc::clone(tool).prepare(call.arguments.clone())
    }

    /// The tool's own name, if there is one that is called `called`, or has that alias.
    pub fn name_of(&self, called: &str) -> Option<&'static str> {
        self.find(called).map(|(name, _)| name)
    }

    /// Whether a tool takes an argument of that name.
    pub fn has_parameter(&self, tool: &str, parameter: &str) -> bool {
        let properties = |tool: &Arc<dyn Erased>| {
            let spec = tool.spec();
            spec.parameters.get("properties").is_some_and(|all| all.get(parameter).is_some())
        };
        self.find(tool).is_some_and(|(_, tool)| properties(tool))
    }

    fn find(&self, called: &str) -> Option<(&'static str, &Arc<dyn Erased>)> {
        let get = |name: &str| self.tools.get_key_value(name).map(|(name, tool)| (*name, tool));
        names::candidates(called).find_map(|name| get(&name))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}

struct Typed<T> {
    tool: T,
    /// Made at first use, since a process that only prints its version needs no schema.
    told: OnceLock<(Arc<ToolSpec>, Parameters)>,
}

impl<T: Tool> Typed<T> {
    fn told(&self) -> &(Arc<ToolSpec>, Parameters) {
        self.told.get_or_init(|| {
            let parameters = schema::parameters::<T::Args>();
            let spec = ToolSpec {
                name: T::NAME.to_owned(),
                description: T::DESCRIPTION.to_owned(),
                parameters: parameters.shown.clone(),
            };
            (Arc::new(spec), parameters)
        })
    }
}

impl<T: Tool> Erased for Typed<T> {
    fn spec(&self) -> Arc<ToolSpec> {
        Arc::clone(&self.told().0)
    }

    fn prepare(self: Arc<Self>, arguments: Value) -> Result<Prepared, ToolError> {
        let args: T::Args = schema::read::<T::Args>(T::NAME, &self.told().1, arguments)?;
        let effect = self.tool.effect(&args);
        let run = Box::new(move |permit, cx| -> BoxFuture<'static, _> {
            Box::pin(async move { self.tool.run(args, permit, &cx).await })
        });
        Ok(Prepared { tool: T::NAME, effect, run })
    }
}
