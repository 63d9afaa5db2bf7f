// Our answers, held against the schemas of the published protocol package.
//
// A Rust test (crates/cli/tests/it/peers.rs) starts the gateway and a scripted model, then this
// file with OPENCLAW_TEST_URL and OPENCLAW_TEST_TOKEN in its environment. Every method that we
// have and that has a published schema of its answer must be in the table below.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GatewayClient } from "@openclaw/gateway-client";
import * as schemas from "@openclaw/gateway-protocol/schema";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";
import { Check, Errors } from "typebox/value";

const env = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

const FILE = { agentId: "main", name: "SOUL.md" };
const KEY = "agent:main:answers";

/** Method, name of the schema of its answer, what to ask with. In this order. */
const TABLE = [
  ["agents.list", "AgentsListResult", {}],
  ["agent.identity.get", "AgentIdentityResult", {}],
  ["agents.files.set", "AgentsFilesSetResult", { ...FILE, content: "calm" }],
  ["agents.files.get", "AgentsFilesGetResult", FILE],
  ["agents.files.list", "AgentsFilesListResult", { agentId: "main" }],
  ["agents.create", "AgentsCreateResult", { name: "Peer" }],
  ["agents.update", "AgentsUpdateResult", { agentId: "peer", name: "Other" }],
  ["agents.delete", "AgentsDeleteResult", { agentId: "peer" }],
  ["audit.list", "AuditListResult", {}],
  ["models.list", "ModelsListResult", {}],
  ["logs.tail", "LogsTailResult", { limit: 5 }],
  ["sessions.resolve", "SessionsResolveResult", { key: KEY }],
  ["update.status", "UpdateStatusResult", {}],
  ["exec.approvals.get", "ExecApprovalsSnapshot", {}],
  ["exec.approval.grants.list", "ExecApprovalGrantsListResult", {}],
  ["approval.history", "ApprovalHistoryResult", {}],
  ["approval.get", "ApprovalGetResult", { id: "answers-waits" }],
  ["approval.resolve", "ApprovalResolveResult", { id: "answers-waits", kind: "exec", decision: "deny" }],
  ["approval.get", "ApprovalGetResult", { id: "answers-waits" }],
  ["approval.history", "ApprovalHistoryResult", { limit: 1 }],
  ["wizard.start", "WizardStartResult", { mode: "local" }],
  ["sessions.search", "SessionsSearchResult", { query: "hello" }],
  ["sessions.branches.list", "SessionsBranchesListResult", { sessionKey: KEY }],
  ["chat.message.get", "ChatMessageGetResult", { sessionKey: KEY, messageId: "nobody" }],
  ["commands.list", "CommandsListResult", {}],
  ["tools.catalog", "ToolsCatalogResult", {}],
  ["tools.effective", "ToolsEffectiveResult", { sessionKey: KEY }],
  ["config.schema.lookup", "ConfigSchemaLookupResult", { path: "gateway" }],
  ["system.info", "SystemInfoResult", {}],
  ["users.prefs.get", "UsersPrefsGetResult", {}],
  ["environments.list", "EnvironmentsListResult", {}],
  ["tasks.list", "TasksListResult", {}],
  ["worktrees.list", "WorktreesListResult", {}],
  ["projects.list", "ProjectsListResult", {}],
  ["plugins.list", "PluginsListResult", {}],
  ["plugins.uiDescriptors", "PluginsUiDescriptorsResult", {}],
  ["question.list", "QuestionListResult", {}],
  ["sessions.groups.list", "SessionsGroupsListResult", {}],
  ["sessions.create", "SessionsCreateResult", { key: "agent:main:made", label: "made" }],
  ["sessions.delete", "SessionsDeleteResult", { key: KEY }],
];

/** Answers whose params hang on other answers; tests beside this one look at them. */
const ELSEWHERE = [
  "wizard.next",
  "wizard.status",
  "device.token.rotate",
  "node.event",
  "skills.bins",
  "sessions.fork",
  "sessions.rewind",
  "sessions.branches.switch",
];

/** Fields that the reference itself sends beyond its published, closed schemas. */
const BEYOND_SCHEMA = { "agent.identity.get": ["nameSource"] };

let client;
let hello;

const pascal = (method) =>
  method.replace(/(^|[.\-_])([a-z])/g, (_, _dot, letter) => letter.toUpperCase());

before(async () => {
  hello = await new Promise((resolve, reject) => {
    client = new GatewayClient({
      url: env("OPENCLAW_TEST_URL"),
      token: env("OPENCLAW_TEST_TOKEN"),
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      onHelloOk: resolve,
      onConnectError: reject,
    });
    client.start();
  });
  const idempotencyKey = "answers-1";
  await client.request("agent", { sessionKey: KEY, message: "hi", idempotencyKey });
  await client.request("agent.wait", { runId: idempotencyKey });
  // Waits for its answer until a row of the table gives it.
  const question = { id: "answers-waits", command: "make", sessionKey: KEY, agentId: "main" };
  client.request("exec.approval.request", question, { timeoutMs: 60_000 }).catch(() => {});
});

after(() => client?.stopAndWait());

const agrees = (name, answer) => {
  const schema = schemas[`${name}Schema`];
  assert.ok(schema, `there is no ${name}Schema`);
  const problems = [...Errors(schema, answer)].map((it) => `${it.instancePath} ${it.message}`);
  assert.ok(Check(schema, answer), `${problems.join("\n")}\n${JSON.stringify(answer)}`);
};

test("a conversation goes other ways as the published schemas say", async () => {
  const sessionKey = KEY;
  const history = await client.request("chat.history", { sessionKey });
  const [asked, answered] = history.messages.map((it) => it.__openclaw.id);
  const cursor = history.deltaCursor;

  const since = await client.request("chat.history", { sessionKey, cursor });
  const fork = await client.request("sessions.fork", { sessionKey, entryId: asked });
  const rewind = await client.request("sessions.rewind", { sessionKey, entryId: asked });
  const back = { sessionKey, leafEntryId: answered };
  const switched = await client.request("sessions.branches.switch", back);

  agrees("ChatHistoryCursorResult", since);
  agrees("SessionsForkResult", fork);
  agrees("SessionsRewindResult", rewind);
  agrees("SessionsBranchesSwitchResult", switched);
  assert.deepEqual([since.kind, rewind.editorText], ["delta", "hi"]);
});

for (const [method, name, params] of TABLE) {
  test(`the answer of ${method} is what the published schema says`, async () => {
    const answer = await client.request(method, params);
    for (const field of BEYOND_SCHEMA[method] ?? []) delete answer[field];
    agrees(name, answer);
  });
}

test("no method with a published schema of its answer is left out", () => {
  const checked = new Set([...TABLE.map(([method]) => method), ...ELSEWHERE]);
  const published = hello.features.methods.filter((it) => schemas[`${pascal(it)}ResultSchema`]);
  const left = published.filter((method) => !checked.has(method));
  assert.deepEqual(left, []);
});

test("params that a published schema refuses are refused here, too", async () => {
  const closed = hello.features.methods.filter(
    (method) => schemas[`${pascal(method)}ParamsSchema`]?.additionalProperties === false,
  );
  assert.ok(closed.length > 20, `only ${closed.length}`);
  for (const method of closed) {
    await assert.rejects(
      client.request(method, { noSuchField: 1 }),
      (error) => (error.gatewayCode ?? error.code) === "INVALID_REQUEST",
      method,
    );
  }
});
