// The published gateway client as a device: pairs, reconnects with its token, asks for more.
//
// A Rust test (crates/cli/tests/it/peers.rs) starts the gateway, then this file with
// OPENCLAW_TEST_URL and OPENCLAW_TEST_TOKEN in its environment. A relay changes the Host header
// on the way, so that the gateway takes the device for one of another machine.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import net from "node:net";
import { after, before, test } from "node:test";

import { GatewayClient, GatewayScopeUpgrade } from "@openclaw/gateway-client";
import {
  DevicePairRequestedEventSchema,
  DevicePairResolvedEventSchema,
  DeviceTokenRotateResultSchema,
} from "@openclaw/gateway-protocol/schema";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";
import { Check, Errors } from "typebox/value";

const PATIENCE_MS = 20_000;
const READ = ["operator.read"];

const env = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

/** Fails with what the schema says is wrong. */
const matches = (schema, value, what) => {
  const problems = Check(schema, value) ? [] : [...Errors(schema, value)];
  const text = problems.map((it) => `${it.instancePath} ${it.message}`).join("\n");
  assert.equal(text, "", `${what} breaks its schema: ${JSON.stringify(value)}`);
};

const pem = (key, type) => key.export({ type, format: "pem" });

/** A device with a fresh key, and the store of its tokens. */
const newDevice = () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const tokens = new Map();
  return {
    tokens,
    identity: {
      deviceId: crypto.createHash("sha256").update(raw).digest("hex"),
      publicKeyPem: pem(publicKey, "spki"),
      privateKeyPem: pem(privateKey, "pkcs8"),
    },
    hostDeps: {
      signDevicePayload: (key, text) =>
        crypto.sign(null, Buffer.from(text), key).toString("base64url"),
      publicKeyRawBase64UrlFromPem: (key) =>
        crypto
          .createPublicKey(key)
          .export({ type: "spki", format: "der" })
          .subarray(-32)
          .toString("base64url"),
      loadDeviceAuthToken: ({ role }) => tokens.get(role) ?? null,
      storeDeviceAuthToken: ({ role, token, scopes }) => tokens.set(role, { token, scopes }),
      clearDeviceAuthToken: ({ role }) => tokens.delete(role),
    },
  };
};

/** Resolves with the hello, or with the error of the first refusal. */
const connect = (url, options) => {
  const events = [];
  let waiters = [];
  const onEvent = (frame) => {
    events.push(frame);
    waiters = waiters.filter(({ name, resolve }) => {
      if (frame.event !== name) return true;
      resolve(frame.payload);
      return false;
    });
  };
  const event = (name) => {
    const seen = events.find((it) => it.event === name);
    if (seen) return Promise.resolve(seen.payload);
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`no ${name}`)), PATIENCE_MS).unref();
      waiters.push({ name, resolve });
    });
  };
  return new Promise((resolve) => {
    const client = new GatewayClient({
      url,
      minProtocol: PROTOCOL_VERSION,
      maxProtocol: PROTOCOL_VERSION,
      deviceIdentity: null,
      ...options,
      onEvent,
      onHelloOk: (hello) => resolve({ client, hello, event }),
      onConnectError: (error) => resolve({ client, error, event }),
    });
    client.start();
  });
};

let relay;
let afar;
let operator;
const device = newDevice();
const asDevice = () => ({
  deviceIdentity: device.identity,
  hostDeps: device.hostDeps,
  clientName: "cli",
  mode: "cli",
  scopes: READ,
});

before(async () => {
  const port = Number(new URL(env("OPENCLAW_TEST_URL")).port);
  relay = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1");
    near.once("data", (head) => {
      far.write(head.toString("latin1").replace(/^host: .*$/im, "Host: gateway.lan"), "latin1");
      near.pipe(far);
    });
    far.pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  await new Promise((resolve) => relay.listen(0, "127.0.0.1", resolve));
  afar = `ws://127.0.0.1:${relay.address().port}`;
  operator = await connect(env("OPENCLAW_TEST_URL"), {
    token: env("OPENCLAW_TEST_TOKEN"),
    scopes: ["operator.admin", "operator.pairing"],
  });
  assert.ok(operator.hello, String(operator.error));
});

after(async () => {
  await operator?.client.stopAndWait();
  relay?.close();
});

test("a device of another machine waits for an approval and is told its request", async () => {
  const { client, error } = await connect(afar, {
    ...asDevice(),
    token: env("OPENCLAW_TEST_TOKEN"),
  });
  await client.stopAndWait();
  const asked = await operator.event("device.pair.requested");

  assert.equal(error.details.code, "PAIRING_REQUIRED", String(error));
  assert.equal(error.details.requestId, asked.requestId);
  matches(DevicePairRequestedEventSchema, asked, "device.pair.requested");

  await operator.client.request("device.pair.approve", { requestId: asked.requestId });
  matches(
    DevicePairResolvedEventSchema,
    await operator.event("device.pair.resolved"),
    "device.pair.resolved",
  );
});

test("the approved device connects, and again with its own token in place of the secret", async () => {
  const first = await connect(afar, { ...asDevice(), token: env("OPENCLAW_TEST_TOKEN") });
  assert.ok(first.hello, String(first.error));
  await first.client.stopAndWait();

  const second = await connect(afar, asDevice());

  assert.ok(second.hello, String(second.error));
  assert.equal(second.hello.auth.method, "device-token");
  assert.deepEqual(second.hello.auth.scopes, READ);
  assert.equal((await second.client.request("health", {})).ok, true);
  await second.client.stopAndWait();
});

test("the device asks for more, and the new token carries it", async () => {
  const { client } = await connect(afar, asDevice());
  const upgrade = new GatewayScopeUpgrade({
    request: (method, params, options) => client.request(method, params, options),
    tokenStore: {
      store: ({ role, token, scopes }) => device.tokens.set(role, { token, scopes }),
    },
    reconnect: () => {},
  });
  const outcome = await upgrade.requestScopeUpgrade({
    scopes: ["operator.read", "operator.write"],
    binding: { clientId: "cli", deviceId: device.identity.deviceId, role: "operator" },
    onPending: (requestId) => operator.client.request("device.pair.approve", { requestId }),
  });
  await client.stopAndWait();

  const again = await connect(afar, { ...asDevice(), scopes: ["operator.write"] });

  assert.equal(outcome.status, "approved");
  assert.ok(again.hello, String(again.error));
  await again.client.stopAndWait();
});

test("a rotated token is withheld from others, and a removed device is out", async () => {
  const { deviceId } = device.identity;
  const rotated = await operator.client.request("device.token.rotate", {
    deviceId,
    role: "operator",
  });
  const stale = await connect(afar, asDevice());
  await stale.client.stopAndWait();
  await operator.client.request("device.pair.remove", { deviceId });
  const list = await operator.client.request("device.pair.list", {});

  matches(DeviceTokenRotateResultSchema, rotated, "device.token.rotate");
  assert.equal(rotated.token, undefined);
  assert.ok(stale.error, "an old token was taken");
  assert.deepEqual(list.paired, []);
});
