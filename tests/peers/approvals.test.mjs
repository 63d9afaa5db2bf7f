// The published client of the reference answers a question about a command.
//
// A Rust test (crates/cli/tests/it/peers.rs) starts the gateway, whose commands all need
// approval, and a scripted model, then this file with OPENCLAW_TEST_URL, OPENCLAW_TEST_TOKEN and
// OPENCLAW_TEST_COMMAND in its environment.

import assert from "node:assert/strict";
import { test } from "node:test";

import { GatewayClient } from "@openclaw/gateway-client";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";

const PATIENCE_MS = 20_000;

const env = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

/** A client that has said hello, and a way to wait for its events. */
const connect = async () => {
  const seen = [];
  let waiters = [];
  const onEvent = (frame) => {
    seen.push(frame);
    waiters = waiters.filter(({ wanted, found }) => !(wanted(frame) && (found(frame), true)));
  };
  const event = (wanted) => {
    const known = seen.find(wanted);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`not seen; events: ${JSON.stringify(seen)}`));
      const timer = setTimeout(late, PATIENCE_MS);
      waiters.push({ wanted, found: (it) => (clearTimeout(timer), resolve(it)) });
    });
  };
  let client;
  await new Promise((resolve, reject) => {
    client = new GatewayClient({
      url: env("OPENCLAW_TEST_URL"),
      token: env("OPENCLAW_TEST_TOKEN"),
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      scopes: ["operator.admin", "operator.approvals", "operator.read", "operator.write"],
      onHelloOk: resolve,
      onConnectError: reject,
      onEvent,
    });
    client.start();
  });
  return { client, event };
};

test("a question is asked, answered by a client that came later, and the turn goes on", async () => {
  const first = await connect();
  const runId = "peer-approval-1";
  await first.client.request("chat.send", {
    sessionKey: "agent:main:peer",
    message: "Run it.",
    idempotencyKey: runId,
  });
  const asked = await first.event(({ event: name }) => name === "exec.approval.requested");

  const second = await connect();
  const [listed] = await second.client.request("exec.approval.list", {});
  const detail = await second.client.request("exec.approval.get", { id: listed.id });
  const answer = { id: listed.id, decision: "allow-once" };
  await second.client.request("exec.approval.resolve", answer);
  await assert.rejects(first.client.request("exec.approval.resolve", answer), (error) => {
    assert.equal(error.gatewayCode ?? error.code, "APPROVAL_NOT_FOUND");
    return true;
  });
  const resolved = await first.event(({ event: name }) => name === "exec.approval.resolved");
  const end = await first.event(
    ({ event: name, payload }) =>
      name === "chat" && payload.runId === runId && ["final", "error"].includes(payload.state),
  );

  assert.equal(asked.payload.request.command, env("OPENCLAW_TEST_COMMAND"));
  assert.equal(listed.id, asked.payload.id);
  assert.equal(detail.commandText, env("OPENCLAW_TEST_COMMAND"));
  assert.equal(resolved.payload.decision, "allow-once");
  assert.equal(end.payload.state, "final", JSON.stringify(end.payload));
  await Promise.all([first.client.stopAndWait(), second.client.stopAndWait()]);
});
