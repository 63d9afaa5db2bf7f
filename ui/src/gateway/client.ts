// The connection to the gateway: says who we are, sends calls, hands out events, and comes back
// when it was lost. Draws nothing; what it is up to is in `link`.
//
//   waiting ──► connecting ──► open ──► waiting …
//                   │
//                   └─► refused (by the gateway; goes on when told to, or by itself when pairing)

import { signal } from "@preact/signals";
import { waitMs } from "./backoff";
import {
  CallError,
  type EventFrame,
  type Hello,
  parseFrame,
  type ResponseFrame,
  type WireError,
} from "./frames";
import { type Identity, identity, signedText } from "./identity";

export const CLIENT_ID = "openclaw-control-ui";
export const CLIENT_MODE = "webchat";
export const SCOPES = ["operator.admin", "operator.approvals", "operator.pairing"];

const CALL_PATIENCE_MS = 60_000;
const CONNECT_PATIENCE_MS = 12_000;
const PAIRING_RETRY_MS = 2_000;

export type Link =
  | { phase: "idle" }
  | { phase: "connecting"; isFirst: boolean }
  | { phase: "open" }
  | { phase: "waiting"; untilMs: number; reason: string }
  | { phase: "refused"; error: WireError };

export interface Secrets {
  token: string;
  password: string;
  deviceToken: string;
}

interface Pending {
  resolve(payload: unknown): void;
  reject(error: Error): void;
  timer: number;
}

export interface ClientOptions {
  url: string;
  secrets(): Secrets;
  keepDeviceToken(token: string): void;
  version: string;
  makeSocket?: (url: string) => WebSocket;
  identity?: () => Promise<Identity | null>;
}

export class Client {
  readonly link = signal<Link>({ phase: "idle" });
  readonly hello = signal<Hello | null>(null);
  private socket: WebSocket | null = null;
  private readonly pending = new Map<string, Pending>();
  private readonly listeners = new Map<string, Set<(payload: never) => void>>();
  private nextId = 1;
  private tries = 0;
  private timer = 0;
  private watchdog = 0;
  private lastSeq = 0;
  private heardMs = 0;
  private useDeviceToken = false;

  constructor(private readonly options: ClientOptions) {}

  /** Connects, or does so at once when it is waiting. */
  start(): void {
    if (this.socket && this.link.value.phase !== "refused") return;
    clearTimeout(this.timer);
    this.open();
  }

  /** Starts over, as after a change of the secret. */
  restart(): void {
    clearTimeout(this.timer);
    this.useDeviceToken = false;
    this.drop("restarting");
    this.tries = 0;
    this.open();
  }

  /** Whether the gateway has this method. */
  has(method: string): boolean {
    return this.hello.value?.features.methods.includes(method) ?? false;
  }

  on<P>(event: string, listener: (payload: P) => void): () => void {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all);
    all.add(listener);
    return () => all.delete(listener);
  }

  /** Calls a method. Rejects when the gateway refuses, when it is silent, or the line breaks. */
  call<R>(method: string, params: object = {}, patienceMs = CALL_PATIENCE_MS): Promise<R> {
    const socket = this.socket;
    if (socket?.readyState !== 1) {
      return Promise.reject(new CallError({ code: "OFFLINE", message: "not connected" }));
    }
    const id = String(this.nextId++);
    return new Promise<R>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new CallError({ code: "TIMEOUT", message: `no answer to ${method}` }));
      }, patienceMs) as unknown as number;
      this.pending.set(id, { resolve: resolve as (payload: unknown) => void, reject, timer });
      socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  private open(): void {
    this.link.value = { phase: "connecting", isFirst: this.hello.value === null };
    const make = this.options.makeSocket ?? ((url) => new WebSocket(url));
    const socket = make(this.options.url);
    this.socket = socket;
    this.lastSeq = 0;
    this.timer = setTimeout(
      () => socket.close(4008, "connect failed"),
      CONNECT_PATIENCE_MS,
    ) as never;
    socket.onmessage = (message) => {
      if (this.socket === socket) this.receive(socket, String(message.data));
    };
    socket.onclose = (close) => {
      if (this.socket === socket) this.lost(close.reason || `closed (${close.code})`);
    };
  }

  private receive(socket: WebSocket, text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    this.heardMs = Date.now();
    if (frame.type === "res") {
      this.settle(frame);
      return;
    }
    if (frame.event === "connect.challenge") {
      void this.introduce(socket, frame.payload as { nonce: string; ts: number });
      return;
    }
    if (frame.seq !== undefined) {
      const isGap = this.lastSeq > 0 && frame.seq > this.lastSeq + 1;
      this.lastSeq = frame.seq;
      if (isGap) this.emit({ type: "event", event: "gap" });
    }
    this.emit(frame);
  }

  private settle(frame: ResponseFrame): void {
    const pending = this.pending.get(frame.id);
    if (!pending) return;
    this.pending.delete(frame.id);
    clearTimeout(pending.timer);
    if (frame.ok) pending.resolve(frame.payload);
    else pending.reject(new CallError(frame.error ?? { code: "UNAVAILABLE", message: "refused" }));
  }

  private emit(frame: EventFrame): void {
    for (const listener of this.listeners.get(frame.event) ?? []) listener(frame.payload as never);
    for (const listener of this.listeners.get("*") ?? []) listener(frame as never);
  }

  private async introduce(socket: WebSocket, challenge: { nonce: string; ts: number }) {
    const secrets = this.options.secrets();
    const me = await (this.options.identity ?? identity)();
    const usesDevice = me !== null && secrets.deviceToken !== "";
    const asDevice = usesDevice && (this.useDeviceToken || (!secrets.token && !secrets.password));
    const token = asDevice ? secrets.deviceToken : secrets.token;
    const auth: Record<string, string> = {};
    if (asDevice) auth.deviceToken = token;
    else if (token) auth.token = token;
    if (!asDevice && secrets.password) auth.password = secrets.password;
    const platform = typeof navigator === "undefined" ? "web" : navigator.platform || "web";
    const signed = {
      clientId: CLIENT_ID,
      clientMode: CLIENT_MODE,
      role: "operator",
      scopes: SCOPES,
      signedAt: challenge.ts,
      token,
      nonce: challenge.nonce,
      platform,
    };
    const params: Record<string, unknown> = {
      minProtocol: 4,
      maxProtocol: 4,
      client: { id: CLIENT_ID, mode: CLIENT_MODE, version: this.options.version, platform },
      role: "operator",
      scopes: SCOPES,
      caps: ["tool-events", "exec-approvals", "approvals"],
      auth,
      locale: typeof navigator === "undefined" ? "en" : navigator.language,
    };
    if (me) {
      params.device = {
        id: me.deviceId,
        publicKey: me.publicKey,
        signature: await me.sign(signedText(me.deviceId, signed)),
        signedAt: challenge.ts,
        nonce: challenge.nonce,
      };
    }
    if (this.socket !== socket) return;
    try {
      const hello = await this.call<Hello>("connect", params, CONNECT_PATIENCE_MS);
      if (this.socket === socket) this.welcome(hello);
    } catch (error) {
      if (this.socket === socket && error instanceof CallError) this.refuse(error, usesDevice);
    }
  }

  private welcome(hello: Hello): void {
    clearTimeout(this.timer);
    this.tries = 0;
    if (hello.auth?.deviceToken) this.options.keepDeviceToken(hello.auth.deviceToken);
    this.hello.value = hello;
    this.link.value = { phase: "open" };
    const silenceMs = hello.policy.tickIntervalMs * 2 + 5_000;
    clearInterval(this.watchdog);
    this.watchdog = setInterval(() => {
      if (Date.now() - this.heardMs > silenceMs) this.lost("tick timeout");
    }, 5_000) as never;
  }

  private refuse(error: CallError, hasDeviceToken: boolean): void {
    const code = String(error.details.code ?? error.code);
    if (code === "TIMEOUT" || code === "OFFLINE" || error.code === "UNAVAILABLE") {
      this.lost(error.message);
      return;
    }
    if (code.endsWith("_MISMATCH") && code.startsWith("AUTH_") && hasDeviceToken) {
      // A paired browser may come in with its own token when the shared one changed.
      if (!this.useDeviceToken && code !== "AUTH_DEVICE_TOKEN_MISMATCH") {
        this.useDeviceToken = true;
        this.drop("trying the token of this browser");
        this.open();
        return;
      }
    }
    this.drop(error.message);
    const { message, details } = error;
    this.link.value = { phase: "refused", error: { code: error.code, message, details } };
    if (isPairing(this.link.value.error)) {
      this.timer = setTimeout(() => this.retryPairing(), PAIRING_RETRY_MS) as never;
    }
  }

  /** Asks again without a flicker: what is shown stays until there is news. */
  private retryPairing(): void {
    const shown = this.link.peek();
    this.open();
    if (shown.phase === "refused") this.link.value = shown;
  }

  private lost(reason: string): void {
    const shown = this.link.peek();
    this.drop(reason);
    const wait = waitMs(this.tries++, Math.random());
    const isPairingStill = shown.phase === "refused" && isPairing(shown.error);
    if (!isPairingStill) {
      this.link.value = { phase: "waiting", untilMs: Date.now() + wait, reason };
    }
    this.timer = setTimeout(() => this.open(), wait) as never;
  }

  private drop(reason: string): void {
    clearTimeout(this.timer);
    clearInterval(this.watchdog);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    const gone = new CallError({ code: "OFFLINE", message: reason });
    for (const pending of this.pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(gone);
    }
    this.pending.clear();
  }
}

/** Whether a refusal means that somebody has to approve this browser. */
export function isPairing(error: WireError): boolean {
  const code = error.details?.code;
  return code === "PAIRING_REQUIRED" || (error.code === "NOT_PAIRED" && !!error.details?.requestId);
}
