//! Lists of what there is none of: plugins, tasks, projects, worktrees and the like do not exist
//! here, so the empty list is the truth and not a stand-in for it.

use std::{future::Future, marker::PhantomData};

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Cx, Kind, Method, RpcError};

/// A list that is always empty.
pub(super) struct Absent<L>(PhantomData<L>);

/// Which list, and what it is asked with.
pub(super) trait List: Send + 'static {
    const NAME: &'static str;
    const SCOPE: Scope = Scope::Read;
    type Params: DeserializeOwned + JsonSchema + Send;
    /// The whole answer.
    fn none() -> Value;
}

impl<L: List> Method for Absent<L> {
    const NAME: &'static str = L::NAME;
    const SCOPE: Scope = L::SCOPE;
    const KIND: Kind = Kind::Read;
    type Params = L::Params;
    type Reply = Value;

    fn call(_: Cx, _: L::Params) -> impl Future<Output = Result<Value, RpcError>> + Send {
        std::future::ready(Ok(L::none()))
    }
}

/// Nothing to choose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) struct Tasks;

/// Which tasks.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "no filter finds what is not there")]
pub(super) struct TaskFilter {
    status: Option<Value>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    session_key: Option<String>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    cursor: Option<String>,
}

impl List for Tasks {
    const NAME: &'static str = "tasks.list";
    type Params = TaskFilter;
    fn none() -> Value {
        json!({ "tasks": [] })
    }
}

pub(super) struct Worktrees;

impl List for Worktrees {
    const NAME: &'static str = "worktrees.list";
    type Params = Nothing;
    fn none() -> Value {
        json!({ "worktrees": [] })
    }
}

pub(super) struct Projects;

/// Which projects.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "no filter finds what is not there")]
pub(super) struct ProjectFilter {
    include_observed: Option<bool>,
}

impl List for Projects {
    const NAME: &'static str = "projects.list";
    type Params = ProjectFilter;
    fn none() -> Value {
        json!({ "projects": [] })
    }
}

pub(super) struct UiDescriptors;

impl List for UiDescriptors {
    const NAME: &'static str = "plugins.uiDescriptors";
    type Params = Nothing;
    fn none() -> Value {
        json!({ "ok": true, "descriptors": [] })
    }
}

pub(super) struct Plugins;

impl List for Plugins {
    const NAME: &'static str = "plugins.list";
    type Params = Nothing;
    fn none() -> Value {
        json!({ "plugins": [], "diagnostics": [], "mutationAllowed": false })
    }
}

pub(super) struct SessionGroups;

impl List for SessionGroups {
    const NAME: &'static str = "sessions.groups.list";
    type Params = Nothing;
    fn none() -> Value {
        json!({ "groups": [], "sectionOrder": [] })
    }
}

pub(super) struct Questions;

impl List for Questions {
    const NAME: &'static str = "question.list";
    type Params = Nothing;
    fn none() -> Value {
        json!({ "questions": [] })
    }
}

pub(super) struct PluginApprovals;

impl List for PluginApprovals {
    const NAME: &'static str = "plugin.approval.list";
    const SCOPE: Scope = Scope::Approvals;
    type Params = Nothing;
    fn none() -> Value {
        json!([])
    }
}

pub(super) struct OwnApprovals;

impl List for OwnApprovals {
    const NAME: &'static str = "openclaw.approval.list";
    const SCOPE: Scope = Scope::Approvals;
    type Params = Nothing;
    fn none() -> Value {
        json!([])
    }
}

pub(super) struct Grants;

/// How many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantFilter {
    #[serde(rename = "limit")]
    #[schemars(range(min = 1, max = 500))]
    _limit: Option<u16>,
}

impl List for Grants {
    const NAME: &'static str = "exec.approval.grants.list";
    const SCOPE: Scope = Scope::Approvals;
    type Params = GrantFilter;
    fn none() -> Value {
        json!({ "grants": [] })
    }
}
