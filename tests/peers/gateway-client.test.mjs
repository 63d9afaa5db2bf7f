// The published client of the reference talks to our gateway.
//
// A Rust test (crates/cli/tests/it/peers.rs) starts the gateway and a scripted model, then this
// file with OPENCLAW_TEST_URL, OPENCLAW_TEST_TOKEN, OPENCLAW_TEST_MESSAGE and
// OPENCLAW_TEST_REPLY in its environment. Every payload is held against the published schemas.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GatewayClient } from "@openclaw/gateway-client";
import {
  AgentEventSchema,
  ChatEventSchema,
  EventFrameSchema,
  HelloOkSchema,
} from "@openclaw/gateway-protocol/schema";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";
import { Check, Errors } from "typebox/value";

const PATIENCE_MS = 20_000;
const SESSION_KEY = "agent:main:peer";

const env = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

/** Fields that the reference itself sends beyond its published, closed schemas. */
const BEYOND_SCHEMA = { auth: ["method"], agent: ["agentId", "sessionId", "sessionKey"] };

const without = (value, names) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

/** Fails with what the schema says is wrong. */
const matches = (schema, value, what) => {
  if (!Check(schema, value)) {
    const problems = [...Errors(schema, value)].map((it) => `${it.instancePath} ${it.message}`);
    assert.fail(`${what} breaks its schema:\n${problems.join("\n")}\n${JSON.stringify(value)}`);
  }
};

const textOf = (message) =>
  message.content
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("");

const events = [];
const gaps = [];
let waiters = [];
let client;
let hello;

/** The first event, seen or to come, that satisfies `wanted`. */
const event = (wanted) => {
  const seen = events.find(wanted);
  if (seen) return Promise.resolve(seen);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`not seen; events: ${JSON.stringify(events)}`)),
      PATIENCE_MS,
    );
    waiters.push({ wanted, found: (it) => (clearTimeout(timer), resolve(it)) });
  });
};

const onEvent = (frame) => {
  events.push(frame);
  waiters = waiters.filter(({ wanted, found }) => {
    if (!wanted(frame)) return true;
    found(frame);
    return false;
  });
};

before(async () => {
  hello = await new Promise((resolve, reject) => {
    client = new GatewayClient({
      url: env("OPENCLAW_TEST_URL"),
      token: env("OPENCLAW_TEST_TOKEN"),
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      caps: ["tool-events"],
      onHelloOk: resolve,
      onConnectError: reject,
      onEvent,
      onGap: (gap) => gaps.push(gap),
    });
    client.start();
  });
});

after(() => client?.stopAndWait());

test("the hello is what the published schema says", () => {
  assert.equal(hello.protocol, PROTOCOL_VERSION);
  const auth = without(hello.auth, BEYOND_SCHEMA.auth);
  matches(HelloOkSchema, { ...hello, auth }, "hello-ok");
});

test("health and status answer", async () => {
  const health = await client.request("health", {});
  const status = await client.request("status", {});

  assert.equal(health.ok, true);
  assert.equal(typeof status, "object");
});

test("a turn runs a tool and ends with the model's words", async () => {
  const idempotencyKey = "peer-turn-1";

  const started = await client.request("chat.send", {
    sessionKey: SESSION_KEY,
    message: env("OPENCLAW_TEST_MESSAGE"),
    idempotencyKey,
  });
  const end = await event(
    ({ event: name, payload }) =>
      name === "chat" &&
      payload.runId === idempotencyKey &&
      ["final", "aborted", "error"].includes(payload.state),
  );

  assert.equal(started.runId, idempotencyKey);
  assert.equal(end.payload.state, "final", JSON.stringify(end.payload));
  assert.equal(textOf(end.payload.message), env("OPENCLAW_TEST_REPLY"));
});

test("the history holds the turn", async () => {
  const history = await client.request("chat.history", { sessionKey: SESSION_KEY });

  assert.deepEqual(
    history.messages.map(({ role }) => role),
    ["user", "assistant", "toolResult", "assistant"],
  );
  assert.ok(JSON.stringify(history.messages[0]).includes(env("OPENCLAW_TEST_MESSAGE")));
  assert.equal(textOf(history.messages.at(-1)), env("OPENCLAW_TEST_REPLY"));
});

test("every event is what the published schemas say, in order and without a gap", () => {
  const payloads = { agent: AgentEventSchema, chat: ChatEventSchema };
  for (const frame of events) {
    matches(EventFrameSchema, frame, `event \`${frame.event}\``);
    const schema = payloads[frame.event];
    const payload = without(frame.payload ?? {}, BEYOND_SCHEMA[frame.event] ?? []);
    if (schema) matches(schema, payload, `payload of \`${frame.event}\``);
  }
  assert.ok(events.some(({ event: name }) => name === "agent"));
  assert.deepEqual(gaps, []);
});

test("a refused request carries its code", async () => {
  await assert.rejects(client.request("no.such.method", {}), (error) => {
    assert.equal(error.gatewayCode ?? error.code, "INVALID_REQUEST");
    return true;
  });
});
