//! The differences that are meant, and the recordings that are replayed.
//!
//! Every row here is a row of `docs/protocol.md`; a test holds the two together. A row that
//! excuses nothing fails the replay, so that the list cannot outlive its reasons.

/// A difference from the recordings that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deliberate {
    /// The recording; `*` stands for any text, `+` for one name, `{a,b}` for one of its
    /// words.
    pub(crate) file: &'static str,
    /// The place in it, in the same way.
    pub(crate) path: &'static str,
    /// Why.
    pub(crate) why: &'static str,
}

/// What is meant.
pub(crate) const DELIBERATE: &[Deliberate] = &[
    row(
        "v3/connect-{token-*,protocol-range,read-scope-only,node-role}",
        "*.payload.canvasHostUrl",
        "there is no canvas yet",
    ),
    row(
        "v3/connect-protocol-range",
        "*.payload.{protocol,server.host}",
        "a client that offers 4 gets 4",
    ),
    row(
        "v3/connect-read-scope-only",
        "*:config.get.ok",
        "readers may see the config without its secrets, as in 2026.9",
    ),
    row(
        "*/system-presence",
        "*.payload[].{deviceId,instanceId,clientId,deviceFamily,modelIdentifier,roles,ip}",
        "entries of nodes come with pairing",
    ),
    row(
        "*/device.pair.list",
        "*.payload.paired[].{role,tokens[].role,deviceFamily,pendingNodeSurface}",
        "the newest device of the recording was a node",
    ),
    row(
        "v4/device.pair.list",
        "*.payload.paired[].{approvedVia,lastSeenAtMs,lastSeenReason}",
        "who let a device in and when it was last seen is in the log",
    ),
    row(
        "v4/config.schema",
        "*.payload.uiHints[].{docsUrl,help,advanced}",
        "hints name and order fields; help texts come with the Control UI",
    ),
    row(
        "*/config.get",
        "*.payload.{parsed,config}.models.providers.mock.models[].maxTokens",
        "a number of tokens is no secret to be hidden",
    ),
    row(
        "v3/{sessions.list,sessions-lifecycle}",
        "*:sessions.list.payload.sessions[].{displayName,channel}",
        "the reference took a session of no channel for one of WhatsApp",
    ),
    row(
        "*/errors",
        "*:cron.{add,remove}.*",
        "cron comes later; until then its methods are unknown",
    ),
    row(
        "v3/*",
        "*.payload.entry.{origin,sessionFile,compactionCount,skillsSnapshot,systemPromptReport}",
        "what nobody reads yet is not written: skills, prompt reports, origins; counts begin with the first compaction",
    ),
    row(
        "v3/chat-send-tool-exec-verbose",
        "agent:tool:result.payload.data.{isError,result.details.+}",
        "a command that fails has an exit code and is no failure of the tool, as in 2026.9",
    ),
    row(
        "v3/chat-abort",
        "*:chat.history.payload.messages[].{content[].+,stopReason,details.+}",
        "the text of an aborted turn is kept, as in 2026.9, so four messages reach less far back; a command that fails is no failure of the tool",
    ),
    row("*/chat-slash-status", "chat:final.payload.message.content[].text", "our own words"),
    row(
        "*/agent-method",
        "*:agent.payload.result.meta.systemPromptReport",
        "there is no report on the prompt",
    ),
    row(
        "v3/http",
        "get {/healthz,/health,/readyz,/ready}.content-type",
        "health in JSON, as in 2026.9",
    ),
    row("v3/http", "models*.{status,content-type}", "models are listed, as in 2026.9"),
    row("v3/http", "{responses,hooks} disabled.status", "not found, as in 2026.9"),
    row("*/http", "embeddings.status", "there are no embeddings yet"),
    row(
        "*/http",
        "{get /__openclaw__/canvas/,get /favicon.ico}.status",
        "there is no canvas yet, and the page's icon is an SVG",
    ),
    row("v4/http", "get {/readyz,/ready}.body.eventLoop", "there is no event loop to watch"),
    row("v4/http", "chat model unknown.status", "any name of a model is taken, as in 2026.2"),
    row(
        "v4/connect-*",
        "connect.challenge.payload.capabilities",
        "nothing optional is offered yet",
    ),
    row("v4/connect-wrong-protocol-low", "{c1:connect.ok,close}", "who offers 3 is served in 3"),
    row(
        "v4/connect-*",
        "*.payload.{server.buildId,server.controlUiBuildSource,features.capabilities,snapshot.updateSchedule,controlUiWidgetKinds,controlUiLinkReaders,pluginSurfaceUrls}",
        "no Control UI is built in yet, and nothing updates itself",
    ),
    row(
        "v4/connect-*",
        "*.payload.{snapshot.suspension,snapshot.appliedConfigHash,auth.recoveryScope,auth.recoveryMigrationAllowed,policy.allowedSessionVisibilities,policy.hasMultipleSessionSharingIdentities,policy.attachments}",
        "no suspension, no recovery, no sharing of sessions",
    ),
    row(
        "v4/*",
        "*.{health.,payload.}{plugins,configReload,eventLoop}",
        "there are no plugins and no event loop to watch",
    ),
    row(
        "v4/connect-read-scope-only",
        "*:sessions.patch.error.{message,details*}",
        "whoever changes a session needs admin, as in 2026.2",
    ),
    row(
        "v4/*",
        "*:config.get.payload.{includeProvenance,agentRosterIncludeOwned,bindingsIncludeOwned,sourceConfig,resolved,runtimeConfig}",
        "one config, from one place",
    ),
    row(
        "v4/*",
        "*:config.get.payload.config.{models.providers.mock.models[].api,agents.defaults.subagents.archiveAfterMinutes,agents.entries,commands.restart}",
        "the defaults of 2026.2",
    ),
    row(
        "v4/status",
        "*.payload.{hostDesktop,degradedSecretOwners,degradedPlugins,tasks,taskAudit,processMemory,workerPools,pid,shutdownBudget}",
        "status of what is not there",
    ),
    row(
        "v4/status",
        "*.payload.heartbeat.agents[].waitingForRoute",
        "heartbeats wait for no route: what they bring goes to open pages",
    ),
    row(
        "v4/status",
        "*.recent[].{cacheRead,cacheWrite,totalTokensFresh,configuredModel,selectedModel,modelSelectionReason,runtime}",
        "sessions are kept in the form of 2026.2",
    ),
    row(
        "v4/agents.list",
        "*.payload.agents[].{workspaceGit,agentRuntime,thinkingOptions,defaultPermissionMode}",
        "no runtimes and permission modes to choose from",
    ),
    row(
        "v4/*",
        "*:sessions.list.payload.{owners,defaults.+}",
        "no owners of sessions, no runtimes to choose from",
    ),
    row(
        "v4/*",
        "*:sessions.list.payload.sessions[].+",
        "sessions are kept in the form of 2026.2; sharing, pins, costs and run statistics come with the Control UI",
    ),
    row(
        "v4/*",
        "*:sessions.{patch,reset}.payload.{entry,resolved}.+",
        "sessions are kept in the form of 2026.2",
    ),
    row(
        "v4/*",
        "*:chat.history.payload.messages[].{content,idempotencyKey,responseId,openclawAbort,__openclaw.senderIsOwner,__openclaw.transport,__openclaw.idempotencyKey,__openclaw.runId}",
        "transcripts are kept in the form of 2026.2; marks are id, time and place",
    ),
    row(
        "v4/*",
        "*:chat.history.payload.{pendingInputs,defaults.+,sessionInfo,sessionInfo.*,activity,nextOffset}",
        "rows of sessions have the form of 2026.2; what waits behind a turn is not told",
    ),
    row(
        "v4/*",
        "agent:lifecycle:{finishing,end}.payload.data.{livenessState,replayInvalid,terminalReceipt,executionSettled}",
        "receipts of runs come later",
    ),
    row(
        "v4/chat-send-duplicate-idempotency",
        "*.error.message",
        "our own words; clients read the details",
    ),
    row(
        "v4/chat-send-tool-exec*",
        "agent:tool:{update,result}.payload.{+,data.commandBearing,data.result.details.exitSignal,data.result.details.exitReason,data.result.details.noOutputTimedOut}",
        "a tool's event tells of the tool, not of its session; an exit tells its code",
    ),
    row("v4/{chat-abort,chat-stop-command}", "events", "a turn ends once"),
    row(
        "v4/chat-slash-status",
        "chat:final.payload.message.{idempotencyKey,excludeFromContext,__openclaw}",
        "what a command answers is not stored",
    ),
    row(
        "v4/agent-method",
        "*:agent.payload.result.{meta.+,meta.agentMeta.+,meta.agentMeta.usage.cost,sourceReplyDeliveryState}",
        "the report of a run is that of 2026.2",
    ),
    row(
        "v4/agent-method",
        "*:agent.wait.payload.{stopReason,livenessState,terminalReceipt,terminalReply}",
        "receipts of runs come later",
    ),
    row(
        "v4/agent-method",
        "{chat:final.payload.message.content[].text,*:agent.payload.result.payloads[].text}",
        "the model of the recording did not see how many words to say",
    ),
    row(
        "v4/sessions-lifecycle",
        "*:chat.history.payload.messages[]",
        "a reset session begins empty, as in 2026.2",
    ),
    row(
        "v4/sessions-lifecycle",
        "*:sessions.delete.payload.archived[]",
        "a reset session had no file yet",
    ),
    row("*/connect-node-role", "events", "there are no wake words yet"),
    row("v3/*", "*.presence[].instanceId", "an entry names an instance when its client did"),
    row(
        "v3/{update.status,commands.list,tools.catalog,tools.effective,models.authStatus,tasks.list,environments.list,plugins.list,gateway.identity.get}",
        "*.ok",
        "methods of 2026.9 are there in protocol 3, too",
    ),
    row(
        "v3/subscriptions",
        "{r*.ok,events}",
        "methods of 2026.9 are there in protocol 3, too; their events are not",
    ),
    row("v4/connect-node-role", "*:health.ok", "a node calls what is a node's, as in 2026.2"),
    row(
        "v4/{node.*,node-invoke}",
        "*.{deviceFamily,sessionHost,nodePluginTools,approvedAtMs,version,lastSeenAtMs,lastSeenReason}",
        "a node is what it said of itself; no sessions and plugins run on nodes, and when one was last seen is in the log",
    ),
    row(
        "v4/node-invoke",
        "*:node.invoke.error.{code,message,retryable,details.code}",
        "a command that waits for approval is refused for that reason",
    ),
    row("v4/node-invoke", "node:voicewake.*", "there are no wake words yet"),
    row("v4/agents.files.list", "*.expectedAbsent", "a missing file is missing"),
    row("v4/usage.cost", "*.cacheStatus", "sums are made when asked for"),
    row(
        "v4/commands.list",
        "*.commands[].{args,skillDisplayName,skillModelVisible,clientPresentation}",
        "our own commands; skills are none of them",
    ),
    row("v4/tools.*", "*.{pluginId,fullDescription,optional}", "there are no tools of plugins"),
    row("v4/models.authStatus", "*.loginOptions", "there are keys and no logins"),
    row(
        "v4/{tasks.list,plugins.list}",
        "*.payload.{tasks[],plugins[],diagnostics[],generation}",
        "there are none",
    ),
    row(
        "v4/environments.list",
        "*.environments[].{lastSeenAtMs,lastSeenReason}",
        "when a node was last seen is in the log",
    ),
    row(
        "v4/subscriptions",
        "*:sessions.create.payload.entry.+",
        "sessions are kept in the form of 2026.2",
    ),
    row(
        "v4/subscriptions",
        "events",
        "the recording has a heartbeat, and tells a row again that did not change",
    ),
    row(
        "v4/subscriptions",
        "{sessions.changed,session.message}.payload.{+,session.+}",
        "a row is told once, in `session`, in the form of 2026.2",
    ),
    row(
        "v4/subscriptions",
        "session.message.payload.message.{+,__openclaw.+}",
        "sessions and transcripts are kept in the form of 2026.2",
    ),
    row(
        "v4/subscriptions",
        "chat:final.payload.message.content[].text",
        "the model of the recording had other words",
    ),
];

const fn row(file: &'static str, path: &'static str, why: &'static str) -> Deliberate {
    Deliberate { file, path, why }
}

/// What is replayed, in an order in which it makes sense on one gateway.
pub(crate) const REPLAYED: [&str; 69] = [
    "connect-token-no-device",
    "connect-token-backend",
    "connect-token-webchat-no-device",
    "connect-token-control-ui-no-device",
    "connect-bad-token",
    "connect-no-auth",
    "connect-wrong-protocol-low",
    "connect-wrong-protocol-high",
    "connect-protocol-range",
    "connect-missing-connect",
    "connect-invalid-params",
    "connect-garbage-frame",
    "connect-read-scope-only",
    "connect-token-device",
    "connect-token-device-again",
    "connect-device-no-token",
    "connect-device-nonce-mismatch",
    "connect-token-device-bad-signature",
    "device.pair.list",
    "connect-timeout-no-frame",
    "health",
    "status",
    "system-presence",
    "agents.list",
    "agent.identity.get",
    "models.list",
    "config.get",
    "config.schema",
    "sessions.list",
    "logs.tail",
    "system.unknown-method-xyz",
    "errors",
    "errors-bad-frame",
    "chat-send-text",
    "chat-send-duplicate-idempotency",
    "chat-send-slow-stream",
    "chat-send-tool-exec",
    "chat-send-tool-exec-no-tool-events-cap",
    "chat-send-tool-exec-verbose",
    "chat-abort",
    "chat-stop-command",
    "chat-slash-status",
    "chat-inject",
    "agent-method",
    "sessions-lifecycle",
    "connect-node-role",
    "node.list",
    "node.pair.list",
    "node-invoke",
    "exec.approvals.get",
    "agents.files.list",
    "last-heartbeat",
    "update.status",
    "usage.status",
    "usage.cost",
    "wizard.status",
    "commands.list",
    "skills.status",
    "tools.catalog",
    "tools.effective",
    "models.authStatus",
    "tasks.list",
    "environments.list",
    "plugins.list",
    "gateway.identity.get",
    "subscriptions",
    "system-event-and-wake",
    "tick",
    "shutdown-sigterm",
];

/// What waits for features of later versions, by the beginning of its name. `http` is replayed
/// beside the others.
pub(crate) const LATER: [(&str, &str); 10] = [
    ("channels.", "channels"),
    ("chat-send-tool-exec-sandbox", "the sandbox"),
    ("cron", "cron"),
    ("diagnostics.", "diagnostics"),
    ("doctor.", "memory search"),
    ("llm-upstream-requests", "no conversation with a gateway"),
    ("sandbox-docker-events", "the sandbox"),
    ("secrets.", "secrets by reference"),
    ("tts.", "speech"),
    ("voicewake.", "wake words"),
];

/// Whether `text` is what `pattern` describes.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if let Some((before, rest)) = pattern.split_once('{')
        && let Some((words, after)) = rest.split_once('}')
    {
        return words.split(',').any(|word| matches(&format!("{before}{word}{after}"), text));
    }
    let Some(at) = pattern.find(['*', '+']) else { return pattern == text };
    let (before, after) = (&pattern[..at], &pattern[at + 1..]);
    let Some(rest) = text.strip_prefix(before) else { return false };
    let whole = rest;
    let rest = match &pattern[at..=at] {
        "+" => &rest[..rest.find(['.', '[']).unwrap_or(rest.len())],
        _ => rest,
    };
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.any(|at| matches(after, &whole[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_braces_for_one_of_their_words() {
        assert!(matches("v4/*", "v4/health"));
        assert!(matches("*.payload*.path", "r1:status.payload.sessions.path"));
        assert!(matches("a*", "a"));
        assert!(!matches("v4/*", "v3/health"));
        assert!(!matches("*.path", "x.paths"));
        assert!(matches("p.+", "p.q") && !matches("p.+", "p.q.r") && !matches("p.+", "p.q[]"));
        assert!(matches("*.{a,b}.{c,d}*", "x.b.d[]") && !matches("*.{a,b}", "x.c"));
    }
}
