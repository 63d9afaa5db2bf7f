//! The router: from a request to the method that answers it.
//!
//! A method is one file with its params, its reply and its behaviour; it is listed in
//! [`router`] and nowhere else. Scopes, params, idempotency, panics, timing and logging are
//! handled here, so that no method can forget them.

use std::{
    collections::BTreeMap, future::Future, panic::AssertUnwindSafe, sync::Arc, sync::OnceLock,
};

use domain::Scope;
use futures_util::{FutureExt as _, future::BoxFuture};
use policy::scope::Role;
use protocol::{Version, frame};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{audit, conn::Caller, state::Gateway};

pub(crate) mod error;

mod absent;
mod agent;
mod agent_files;
mod agent_identity_get;
mod agent_wait;
mod agents_create;
mod agents_delete;
mod agents_files_get;
mod agents_files_list;
mod agents_files_set;
mod agents_list;
mod agents_update;
mod approval_get;
mod approval_history;
mod approval_resolve;
mod approval_snapshot;
mod audit_list;
mod change;
mod chat_abort;
mod chat_history;
mod chat_inject;
mod chat_message_get;
mod chat_metadata;
mod chat_send;
mod chat_startup;
mod commands_list;
mod config_apply;
mod config_file;
mod config_get;
mod config_patch;
mod config_schema;
mod config_schema_lookup;
mod config_set;
mod connect;
mod cursor;
mod device_pair_approve;
mod device_pair_list;
mod device_pair_reject;
mod device_pair_remove;
mod device_pair_rename;
mod device_row;
mod device_scopes_request_upgrade;
mod device_scopes_wait_upgrade;
mod device_token_revoke;
mod device_token_rotate;
mod envelope;
mod environments_list;
mod exec_approval_answer;
mod exec_approval_get;
mod exec_approval_list;
mod exec_approval_request;
mod exec_approval_resolve;
mod exec_approval_wait_decision;
mod exec_approvals_get;
mod exec_approvals_node;
mod exec_approvals_set;
mod gateway_identity_get;
mod health;
mod last_heartbeat;
mod later;
mod levels;
mod logs_tail;
mod models_auth_status;
mod models_list;
mod node_describe;
mod node_event;
mod node_invoke;
mod node_invoke_progress;
mod node_invoke_result;
mod node_list;
mod node_pair_approve;
mod node_pair_list;
mod node_pair_reject;
mod node_pair_remove;
mod node_pair_request;
mod node_pair_verify;
mod node_rename;
mod sandbox_explain;
mod sandbox_list;
mod sandbox_recreate;
mod session_row;
mod session_target;
mod sessions_abort;
mod sessions_branches;
mod sessions_compact;
mod sessions_create;
mod sessions_delete;
mod sessions_describe;
mod sessions_list;
mod sessions_messages_subscribe;
mod sessions_patch;
mod sessions_preview;
mod sessions_reset;
mod sessions_resolve;
mod sessions_rewind;
mod sessions_search;
mod sessions_send;
mod sessions_subscribe;
mod sessions_usage;
mod sessions_usage_logs;
mod sessions_usage_timeseries;
mod set_heartbeats;
mod shorten;
mod skills_bins;
mod skills_install;
mod skills_status;
mod skills_update;
mod status;
mod submission;
mod system_event;
mod system_info;
mod system_presence;
mod tools_catalog;
mod tools_effective;
mod update_run;
mod update_status;
mod usage_cost;
mod usage_span;
mod usage_status;
mod users_prefs_get;
mod wake;
mod wizard_cancel;
mod wizard_next;
mod wizard_start;
mod wizard_status;

pub use agent::result_of as turn_result;
pub(crate) use chat_history::shown_message;
pub(crate) use error::RpcError;
pub(crate) use session_row::{Row, Rows};
pub use skills_status::row as skill_row;
pub(crate) use submission::IMAGE_BYTES_MAX;

use absent::Absent;

/// One method: its contract and its behaviour.
pub(crate) trait Method: 'static {
    /// Name on the wire.
    const NAME: &'static str;
    /// What the caller must hold; checked before anything else.
    const SCOPE: Scope;
    /// Who may call it: operators, unless the method is for nodes. A method for nodes has no
    /// use for a scope.
    const ROLE: Role = Role::Operator;
    /// What sort of method.
    const KIND: Kind;
    /// Whether clients are told of it. One that only says why it does nothing is not.
    const IS_TOLD: bool = true;
    /// What it is asked with. Objects must `deny_unknown_fields`.
    type Params: DeserializeOwned + JsonSchema + Send;
    /// What it answers, in the newest form.
    type Reply: Serialize;
    /// Answers. Polled once on the connection's task: what needs no waiting is answered in
    /// order; the rest goes on beside other requests.
    fn call(
        cx: Cx,
        params: Self::Params,
    ) -> impl Future<Output = Result<Self::Reply, RpcError>> + Send;
}

/// What sort of method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes nothing. Params are checked.
    Read,
    /// Changes something. Params are checked.
    Write,
    /// Starts a turn named by `idempotencyKey`: the same key with other params is refused.
    Turn,
    /// Takes any params at all.
    Unchecked,
}

/// What a method may reach, and who asks.
#[derive(Clone)]
pub(crate) struct Cx {
    /// Handles to everything.
    pub(crate) gateway: Arc<Gateway>,
    /// Who asks.
    pub(crate) caller: Arc<Caller>,
    request_id: Arc<str>,
}

impl Cx {
    pub(crate) fn new(gateway: Arc<Gateway>, caller: Arc<Caller>, request_id: &str) -> Self {
        Self { gateway, caller, request_id: request_id.into() }
    }

    /// Sends an answer ahead of the final one, with the same id.
    pub(crate) fn answer_early<R: Serialize>(&self, reply: &R) {
        if let Ok(payload) = to_raw_value(reply) {
            self.caller.outbox.send_text(frame::answer(&self.request_id, &payload));
        }
    }
}

/// All methods, by name.
#[derive(Default)]
pub(crate) struct Router {
    entries: BTreeMap<&'static str, Entry>,
    names: Vec<&'static str>,
}

struct Entry {
    role: Role,
    scope: Scope,
    kind: Kind,
    schema: OnceLock<Value>,
    make_schema: fn() -> Value,
    invoke: Invoke,
}

type Invoke = fn(Cx, Value) -> BoxFuture<'static, Answer>;

/// What goes back: a payload, or a refusal.
pub(crate) type Answer = Result<Box<RawValue>, RpcError>;

/// The methods that work, in the order clients are told of them.
pub(crate) fn router() -> Router {
    pages(machines(Router::default()))
        .with::<health::Health>()
        .with::<status::Status>()
        .with::<gateway_identity_get::GatewayIdentityGet>()
        .with::<system_presence::SystemPresence>()
        .with::<system_event::SystemEvent>()
        .with::<last_heartbeat::LastHeartbeat>()
        .with::<set_heartbeats::SetHeartbeats>()
        .with::<wake::Wake>()
        .with::<update_status::UpdateStatus>()
        .with::<update_run::UpdateRun>()
        .with::<agent::Agent>()
        .with::<agent_wait::AgentWait>()
        .with::<chat_history::ChatHistory>()
        .with::<chat_abort::ChatAbort>()
        .with::<chat_send::ChatSend>()
        .with::<chat_inject::ChatInject>()
        .with::<agents_list::AgentsList>()
        .with::<agents_create::AgentsCreate>()
        .with::<agents_update::AgentsUpdate>()
        .with::<agents_delete::AgentsDelete>()
        .with::<agent_identity_get::AgentIdentityGet>()
        .with::<agents_files_list::AgentsFilesList>()
        .with::<agents_files_get::AgentsFilesGet>()
        .with::<agents_files_set::AgentsFilesSet>()
        .with::<skills_status::SkillsStatus>()
        .with::<skills_bins::SkillsBins>()
        .with::<skills_install::SkillsInstall>()
        .with::<skills_update::SkillsUpdate>()
        .with::<models_list::ModelsList>()
        .with::<sessions_list::SessionsList>()
        .with::<sessions_preview::SessionsPreview>()
        .with::<sessions_resolve::SessionsResolve>()
        .with::<sessions_patch::SessionsPatch>()
        .with::<sessions_reset::SessionsReset>()
        .with::<sessions_delete::SessionsDelete>()
        .with::<sessions_compact::SessionsCompact>()
        .with::<sessions_usage::SessionsUsage>()
        .with::<sessions_usage_timeseries::SessionsUsageTimeseries>()
        .with::<sessions_usage_logs::SessionsUsageLogs>()
        .with::<usage_cost::UsageCost>()
        .with::<usage_status::UsageStatus>()
        .with::<sandbox_list::SandboxList>()
        .with::<sandbox_explain::SandboxExplain>()
        .with::<sandbox_recreate::SandboxRecreate>()
        .with::<config_get::ConfigGet>()
        .with::<config_set::ConfigSet>()
        .with::<config_patch::ConfigPatch>()
        .with::<config_apply::ConfigApply>()
        .with::<config_schema::ConfigSchema>()
        .with::<logs_tail::LogsTail>()
        .with::<audit_list::AuditList>()
        .with::<device_pair_list::DevicePairList>()
        .with::<device_pair_approve::DevicePairApprove>()
        .with::<device_pair_reject::DevicePairReject>()
        .with::<device_pair_remove::DevicePairRemove>()
        .with::<device_pair_rename::DevicePairRename>()
        .with::<device_token_rotate::DeviceTokenRotate>()
        .with::<device_token_revoke::DeviceTokenRevoke>()
        .with::<device_scopes_request_upgrade::DeviceScopesRequestUpgrade>()
        .with::<device_scopes_wait_upgrade::DeviceScopesWaitUpgrade>()
        .with::<wizard_start::WizardStart>()
        .with::<wizard_next::WizardNext>()
        .with::<wizard_cancel::WizardCancel>()
        .with::<wizard_status::WizardStatus>()
        .with::<connect::Connect>()
}

/// Those about commands on machines: approvals and nodes.
fn machines(router: Router) -> Router {
    router
        .with::<exec_approvals_get::ExecApprovalsGet>()
        .with::<exec_approvals_set::ExecApprovalsSet>()
        .with::<exec_approvals_node::ExecApprovalsNodeGet>()
        .with::<exec_approvals_node::ExecApprovalsNodeSet>()
        .with::<exec_approval_get::ExecApprovalGet>()
        .with::<exec_approval_list::ExecApprovalList>()
        .with::<exec_approval_request::ExecApprovalRequest>()
        .with::<exec_approval_wait_decision::ExecApprovalWaitDecision>()
        .with::<exec_approval_resolve::ExecApprovalResolve>()
        .with::<approval_get::ApprovalGet>()
        .with::<approval_history::ApprovalHistory>()
        .with::<approval_resolve::ApprovalResolve>()
        .with::<Absent<absent::PluginApprovals>>()
        .with::<Absent<absent::OwnApprovals>>()
        .with::<Absent<absent::Grants>>()
        .with::<node_pair_request::NodePairRequest>()
        .with::<node_pair_list::NodePairList>()
        .with::<node_pair_approve::NodePairApprove>()
        .with::<node_pair_reject::NodePairReject>()
        .with::<node_pair_remove::NodePairRemove>()
        .with::<node_pair_verify::NodePairVerify>()
        .with::<node_rename::NodeRename>()
        .with::<node_list::NodeList>()
        .with::<node_describe::NodeDescribe>()
        .with::<node_invoke::NodeInvoke>()
        .with::<node_invoke_progress::NodeInvokeProgress>()
        .with::<node_invoke_result::NodeInvokeResult>()
        .with::<node_event::NodeEvent>()
}

/// Those that pages and programs of version 4 begin with.
fn pages(router: Router) -> Router {
    router
        .with::<chat_startup::ChatStartup>()
        .with::<chat_metadata::ChatMetadata>()
        .with::<chat_message_get::ChatMessageGet>()
        .with::<sessions_subscribe::SessionsSubscribe>()
        .with::<sessions_subscribe::SessionsUnsubscribe>()
        .with::<sessions_messages_subscribe::SessionsMessagesSubscribe>()
        .with::<sessions_messages_subscribe::SessionsMessagesUnsubscribe>()
        .with::<sessions_create::SessionsCreate>()
        .with::<sessions_send::SessionsSend>()
        .with::<sessions_abort::SessionsAbort>()
        .with::<sessions_describe::SessionsDescribe>()
        .with::<sessions_search::SessionsSearch>()
        .with::<sessions_rewind::SessionsRewind>()
        .with::<sessions_rewind::SessionsFork>()
        .with::<sessions_branches::SessionsBranchesList>()
        .with::<sessions_branches::SessionsBranchesSwitch>()
        .with::<commands_list::CommandsList>()
        .with::<tools_catalog::ToolsCatalog>()
        .with::<tools_effective::ToolsEffective>()
        .with::<models_auth_status::ModelsAuthStatus>()
        .with::<config_schema_lookup::ConfigSchemaLookup>()
        .with::<system_info::SystemInfo>()
        .with::<users_prefs_get::UsersPrefsGet>()
        .with::<environments_list::EnvironmentsList>()
        .with::<Absent<absent::Tasks>>()
        .with::<Absent<absent::Worktrees>>()
        .with::<Absent<absent::Projects>>()
        .with::<Absent<absent::Plugins>>()
        .with::<Absent<absent::UiDescriptors>>()
        .with::<Absent<absent::SessionGroups>>()
        .with::<Absent<absent::Questions>>()
}

/// What each method may be asked with, as a JSON schema; `null` for those that take anything.
/// For tests and for descriptions of the protocol.
pub fn method_schemas() -> BTreeMap<&'static str, Value> {
    let schema = |entry: Entry| match entry.kind {
        Kind::Unchecked => Value::Null,
        Kind::Read | Kind::Write | Kind::Turn => (entry.make_schema)(),
    };
    router().entries.into_iter().map(|(name, entry)| (name, schema(entry))).collect()
}

/// The methods that change something, by name. For tests.
pub fn writing_methods() -> Vec<&'static str> {
    let router = router();
    router.entries.keys().copied().filter(|name| router.must_finish(name)).collect()
}

impl Router {
    /// Adds a method.
    fn with<M: Method>(mut self) -> Self {
        let entry = Entry {
            role: M::ROLE,
            scope: M::SCOPE,
            kind: M::KIND,
            schema: OnceLock::new(),
            make_schema: protocol::validation::schema_of::<M::Params>,
            invoke: |cx, params| Box::pin(run::<M>(cx, params)),
        };
        self.entries.insert(M::NAME, entry);
        if M::IS_TOLD {
            self.names.push(M::NAME);
        }
        self
    }

    /// Names to tell clients: all but `connect`, which every client knows.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.names.iter().copied().filter(|name| *name != connect::Connect::NAME)
    }

    /// Whether a method goes on to its end when nobody waits for the answer any more.
    pub(crate) fn must_finish(&self, method: &str) -> bool {
        self.entries.get(method).is_some_and(|entry| matches!(entry.kind, Kind::Write | Kind::Turn))
    }

    /// Answers a request. The future is ready at its first poll when nothing must be waited for.
    pub(crate) fn dispatch(
        &self,
        cx: Cx,
        method: &str,
        params: Option<&RawValue>,
    ) -> BoxFuture<'static, Answer> {
        let is_change = self.must_finish(method);
        match self.admit(&cx, method, params) {
            Ok((invoke, params)) if is_change => {
                noted(method.to_owned(), cx, invoke, params).boxed()
            }
            Ok((invoke, params)) => guarded(method.to_owned(), cx, invoke, params).boxed(),
            Err(refused) => {
                debug!(method, code = ?refused.error.code, "refused");
                if is_change {
                    return turned_away(method.to_owned(), cx, refused).boxed();
                }
                std::future::ready(Err(refused)).boxed()
            }
        }
    }

    fn admit(
        &self,
        cx: &Cx,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<(Invoke, Value), RpcError> {
        let caller = &cx.caller;
        let entry = self.entries.get(method);
        let later = if entry.is_none() { later::of(method) } else { None };
        if method != connect::Connect::NAME {
            let role = caller.principal.role;
            let meant = entry.map(|it| it.role).or(later.map(|it| it.role));
            if role != meant.unwrap_or(Role::Operator) {
                return Err(RpcError::invalid(format!("unauthorized role: {}", role.as_str())));
            }
            let needed = match entry {
                Some(entry) if entry.role == Role::Node => None,
                Some(entry) => Some(entry.scope),
                None if role == Role::Node => None,
                None if later.is_some() => later.map(|it| it.scope),
                None if caller.version == Version::V3 => Some(Scope::Admin),
                None => None,
            };
            if let Some(scope) = needed
                && !caller.principal.may(scope)
            {
                return Err(RpcError::from(caller.principal.refusal(scope)));
            }
        }
        if let Some(later) = later {
            let text = format!("{method}: {} are not part of this version yet", later.feature);
            return Err(RpcError::unavailable(text));
        }
        let Some(entry) = entry else {
            return Err(RpcError::invalid(format!("unknown method: {method}")));
        };
        if entry.kind == Kind::Unchecked {
            return Ok((entry.invoke, Value::Null));
        }
        let params = match params {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|_| RpcError::invalid(format!("invalid {method} params: not JSON")))?,
            None => Value::Object(serde_json::Map::new()),
        };
        let schema = entry.schema.get_or_init(entry.make_schema);
        let problems = protocol::validation::check(schema, &params);
        if !problems.is_empty() {
            let error = protocol::compat::invalid_params(method, &problems, caller.version);
            return Err(error.into());
        }
        if entry.kind == Kind::Turn && caller.version >= Version::V4 {
            cx.gateway.conflicts.check(method, &params)?;
        }
        Ok((entry.invoke, params))
    }
}

async fn run<M: Method>(cx: Cx, params: Value) -> Answer {
    let params = serde_json::from_value::<M::Params>(params).map_err(|error| {
        RpcError::invalid(protocol::validation::refusal(M::NAME, &[error.to_string()]))
    })?;
    let reply = M::call(cx, params).await?;
    to_raw_value(&reply).map_err(|error| RpcError::internal("answer is no JSON", &error))
}

/// The same for what changes something, which is recorded.
async fn noted(method: String, cx: Cx, invoke: Invoke, params: Value) -> Answer {
    let target = audit::target_in(&params);
    let (gateway, caller) = (Arc::clone(&cx.gateway), Arc::clone(&cx.caller));
    let began = Instant::now();
    let answer = guarded(method.clone(), cx, invoke, params).await;
    let audit::Verdict { status, code, reason } = audit::verdict(&answer);
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let at = gateway.clock.now();
    let deed = audit::Deed { action: &method, target, at, took_ms, status, code, reason };
    gateway.audit.by_caller(&caller, deed).await;
    answer
}

/// Records that something was not even begun.
async fn turned_away(method: String, cx: Cx, refused: RpcError) -> Answer {
    let answer = Err(refused);
    let audit::Verdict { code, reason, .. } = audit::verdict(&answer);
    let (at, status) = (cx.gateway.clock.now(), "refused");
    let deed = audit::Deed { action: &method, target: None, at, took_ms: 0, status, code, reason };
    cx.gateway.audit.by_caller(&cx.caller, deed).await;
    answer
}

async fn guarded(method: String, cx: Cx, invoke: Invoke, params: Value) -> Answer {
    let began = Instant::now();
    let conn = cx.caller.conn.clone();
    let answer = AssertUnwindSafe(invoke(cx, params)).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| {
        warn!(method, %conn, "method panicked");
        Err(RpcError::unavailable("internal error"))
    });
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    match &answer {
        Ok(_) => debug!(method, %conn, took_ms, "answered"),
        Err(refused) => {
            debug!(method, %conn, took_ms, code = ?refused.error.code, "refused");
        }
    }
    answer
}
