import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { waitMs } from "../src/gateway/backoff";
import { Client, isPairing } from "../src/gateway/client";
import { parseFrame } from "../src/gateway/frames";
import { base64url, signedText } from "../src/gateway/identity";

class Socket {
  static all: Socket[] = [];
  readyState = 1;
  sent: { id: string; method: string; params: Record<string, never> }[] = [];
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number; reason: string }) => void) | null = null;

  constructor() {
    Socket.all.push(this);
  }

  send(text: string) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  receive(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  challenge() {
    this.receive({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 5 } });
  }

  answer(payload: object) {
    this.receive({ type: "res", id: this.sent.at(-1)?.id, ok: true, payload });
  }

  refuse(error: object) {
    this.receive({ type: "res", id: this.sent.at(-1)?.id, ok: false, error });
  }
}

const HELLO = {
  protocol: 4,
  server: { version: "1", connId: "c" },
  features: { methods: ["health"], events: [] },
  snapshot: { uptimeMs: 1 },
  auth: { role: "operator", scopes: [], deviceToken: "fresh" },
  policy: { maxPayload: 1, tickIntervalMs: 30_000 },
};

let secrets = { token: "t", password: "", deviceToken: "" };
const kept: string[] = [];

function made(identity = async () => null as never) {
  const client = new Client({
    url: "ws://x/",
    secrets: () => secrets,
    keepDeviceToken: (token) => kept.push(token),
    version: "1",
    makeSocket: () => new Socket() as never,
    identity,
  });
  client.start();
  return client;
}

const last = () => Socket.all.at(-1) as Socket;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  kept.length = 0;
  secrets = { token: "t", password: "", deviceToken: "" };
});

afterEach(() => {
  vi.useRealTimers();
});

async function welcomed() {
  const client = made();
  last().challenge();
  await settle();
  last().answer(HELLO);
  await settle();
  return client;
}

test("the challenge is answered with who we are, and hello opens the line", async () => {
  const client = await welcomed();

  const { method, params } = last().sent[0] as never as { method: string; params: object };
  expect(method).toBe("connect");
  expect(params).toMatchObject({
    client: { id: "openclaw-control-ui", mode: "webchat" },
    role: "operator",
    auth: { token: "t" },
    caps: expect.arrayContaining(["tool-events"]),
  });
  expect(client.link.value.phase).toBe("open");
  expect(kept).toEqual(["fresh"]);
});

test("a call that waits when the line breaks is refused, and the line comes back", async () => {
  const client = await welcomed();
  const call = client.call("health");

  last().onclose?.({ code: 1012, reason: "service restart" });

  await expect(call).rejects.toMatchObject({ code: "OFFLINE" });
  expect(client.link.value).toMatchObject({ phase: "waiting", reason: "service restart" });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(Socket.all.length).toBe(2);
  expect(client.hello.value).not.toBeNull();
});

test("silence for two ticks is a lost line", async () => {
  const client = await welcomed();

  await vi.advanceTimersByTimeAsync(71_000);

  expect(client.link.value.phase).not.toBe("open");
});

test("a gap in the numbers of events is told", async () => {
  const client = await welcomed();
  const gaps = vi.fn();
  client.on("gap", gaps);

  for (const seq of [1, 2, 3]) last().receive({ type: "event", event: "tick", seq });
  expect(gaps).not.toHaveBeenCalled();
  last().receive({ type: "event", event: "tick", seq: 5 });

  expect(gaps).toHaveBeenCalledTimes(1);
});

test("a wrong token stops and says so, and is not tried again", async () => {
  const client = made();
  last().challenge();
  await settle();

  const details = { code: "AUTH_TOKEN_MISMATCH" };
  last().refuse({ code: "INVALID_REQUEST", message: "no", details });
  await vi.advanceTimersByTimeAsync(60_000);

  expect(client.link.value).toMatchObject({ phase: "refused", error: { details } });
  expect(Socket.all.length).toBe(1);
});

test("while pairing waits, the page asks again and shows the same all the while", async () => {
  const client = made();
  const phases: string[] = [];
  client.link.subscribe((link) => phases.push(link.phase));
  last().challenge();
  await settle();
  const details = { code: "PAIRING_REQUIRED", requestId: "r1" };

  last().refuse({ code: "NOT_PAIRED", message: "pairing required", details });
  await settle();
  await vi.advanceTimersByTimeAsync(2_100);
  last().challenge();
  await settle();
  last().answer(HELLO);
  await settle();

  expect(Socket.all.length).toBe(2);
  expect(phases.filter((phase) => phase === "waiting")).toEqual([]);
  expect(client.link.value.phase).toBe("open");
});

test("a paired browser comes in with its own token when the shared one is wrong", async () => {
  secrets = { token: "old", password: "", deviceToken: "mine" };
  const me = { deviceId: "d", publicKey: "k", sign: async (text: string) => `signed:${text}` };
  const client = made(async () => me as never);
  last().challenge();
  await settle();
  const details = { code: "AUTH_TOKEN_MISMATCH", canRetryWithDeviceToken: true };
  last().refuse({ code: "INVALID_REQUEST", message: "no", details });
  await settle();
  last().challenge();
  await settle();

  const params = last().sent[0]?.params as never as { auth: object; device: { signature: string } };
  expect(params.auth).toEqual({ deviceToken: "mine" });
  expect(params.device.signature).toContain("|mine|n|");
  last().answer(HELLO);
  await settle();
  expect(client.link.value.phase).toBe("open");
});

test("the signed text is the one that gateways check", () => {
  const signed = {
    clientId: "openclaw-control-ui",
    clientMode: "webchat",
    role: "operator",
    scopes: ["a", "b"],
    signedAt: 7,
    token: "tok",
    nonce: "n",
    platform: " Linux X ",
  };

  expect(signedText("dev", signed)).toBe(
    "v3|dev|openclaw-control-ui|webchat|operator|a,b|7|tok|n|linux x|",
  );
  expect(base64url(new Uint8Array([251, 255, 254]).buffer)).toBe("-__-");
});

test("waits grow and stay bounded", () => {
  expect(waitMs(0, 0.5)).toBe(800);
  expect(waitMs(1, 0.5)).toBeGreaterThan(waitMs(0, 0.5));
  expect(waitMs(50, 1)).toBeLessThanOrEqual(18_000);
});

test("only frames are frames", () => {
  for (const text of ["", "no", "[]", "null", '{"type":"req"}', '{"type":"res"}', "7"]) {
    expect(parseFrame(text)).toBeNull();
  }
  expect(parseFrame('{"type":"event","event":"tick"}')).toMatchObject({ event: "tick" });
});

test("pairing is told from other refusals", () => {
  const error = { code: "NOT_PAIRED", message: "" };
  expect(isPairing({ ...error, details: { requestId: "x" } })).toBe(true);
  expect(isPairing({ ...error, details: { code: "DEVICE_IDENTITY_REQUIRED" } })).toBe(false);
});
