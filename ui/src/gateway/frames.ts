// What goes over the wire, as far as this page looks at it (protocol 4).

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface WireError {
  code: string;
  message: string;
  details?: Record<string, unknown>;
  retryable?: boolean;
  retryAfterMs?: number;
}

export interface EventFrame {
  type: "event";
  event: string;
  payload?: unknown;
  seq?: number;
}

export interface ResponseFrame {
  type: "res";
  id: string;
  ok: boolean;
  payload?: unknown;
  error?: WireError;
}

export type Frame = EventFrame | ResponseFrame;

export interface Hello {
  protocol: number;
  server: { version: string; connId: string; bootId?: string };
  features: { methods: string[]; events: string[] };
  snapshot: {
    presence?: Presence[];
    health?: Health;
    uptimeMs: number;
    configPath?: string;
    stateDir?: string;
    authMode?: string;
    sessionDefaults?: { defaultAgentId: string; mainKey: string; mainSessionKey: string };
  };
  auth?: { role: string; scopes: string[]; deviceToken?: string };
  policy: {
    maxPayload: number;
    tickIntervalMs: number;
    attachments?: { maxBytes: number; maxImageBytes: number };
  };
}

export interface Presence {
  host?: string;
  ip?: string;
  version?: string;
  platform?: string;
  mode?: string;
  reason?: string;
  roles?: string[];
  deviceId?: string;
  instanceId?: string;
  ts: number;
}

export interface Health {
  ok?: boolean;
  ts?: number;
  channels?: Record<string, { configured?: boolean; linked?: boolean }>;
  channelOrder?: string[];
  channelLabels?: Record<string, string>;
  agents?: { agentId: string; name?: string; isDefault: boolean; sessions: { count: number } }[];
  sessions?: { count: number };
  /** What is wrong with the config file and was left out at the start. */
  configProblems?: { path: string; message: string; hint?: string }[];
}

/** Reads a frame; `null` when it is none that we know. */
export function parseFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const frame = value as Partial<Frame>;
  if (frame.type === "event" && typeof frame.event === "string") return value as EventFrame;
  if (frame.type === "res" && typeof frame.id === "string") return value as ResponseFrame;
  return null;
}

/** An answer that says no. */
export class CallError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(error: WireError) {
    super(error.message);
    this.code = error.code;
    this.details = error.details ?? {};
  }
}
