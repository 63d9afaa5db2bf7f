// The conversations there are, as the side bar, the palette and the chat's head show them.

import { computed, effect, signal } from "@preact/signals";
import { client, epoch, isOpen } from "./gateway";

export interface SessionRow {
  key: string;
  kind: string;
  agentId: string;
  isMain: boolean;
  displayName?: string;
  label?: string;
  derivedTitle?: string;
  lastMessagePreview?: string;
  updatedAt: number;
  sessionId: string;
  hasActiveRun: boolean;
  activeRunIds?: string[];
  channel?: string;
  lastChannel?: string;
  thinkingLevel?: string;
  verboseLevel?: string;
  reasoningLevel?: string;
  inputTokens?: number;
  outputTokens?: number;
  totalTokens?: number;
  contextTokens?: number;
  modelProvider: string;
  model: string;
}

export interface SessionList {
  count: number;
  totalCount: number;
  hasMore: boolean;
  nextOffset: number | null;
  defaults: { modelProvider: string; model: string; contextTokens: number };
  sessions: SessionRow[];
}

export interface AgentRow {
  id: string;
  name?: string;
  identity?: { name?: string; theme?: string; emoji?: string; avatar?: string; avatarUrl?: string };
  workspace?: string;
  model?: { primary: string; fallbacks?: string[] };
}

export interface ModelRow {
  id: string;
  name: string;
  provider: string;
  contextWindow?: number;
  reasoning?: boolean;
  input?: string[];
  tags?: string[];
  thinkingLevels?: { id: string; label: string }[];
  thinkingDefault?: string;
  available?: boolean;
}

const SHOWN = 30;
const SETTLE_MS = 400;

export const sessions = signal<SessionRow[]>([]);
export const defaults = signal<SessionList["defaults"] | null>(null);
export const agents = signal<AgentRow[]>([]);
export const models = signal<ModelRow[]>([]);
/** Whether nothing could answer: then the first thing to do is to set up a model. */
export const lacksModel = computed(
  () => areKnown.value && !models.value.some((it) => it.available === true),
);
/** Whether the lists were loaded at all. */
export const areKnown = computed(() => defaults.value !== null && hasModels.value);
const hasModels = signal(false);

export async function loadSessions(): Promise<void> {
  const params = { limit: SHOWN, includeDerivedTitles: true };
  const list = await client.call<SessionList>("sessions.list", params).catch(() => null);
  if (!list) return;
  sessions.value = list.sessions;
  defaults.value = list.defaults;
}

export async function loadModels(): Promise<void> {
  const list = await client.call<{ models: ModelRow[] }>("models.list").catch(() => null);
  if (!list) return;
  models.value = list.models;
  hasModels.value = true;
}

export async function loadAgents(): Promise<void> {
  const list = await client.call<{ agents: AgentRow[] }>("agents.list").catch(() => null);
  if (list) agents.value = list.agents;
}

/** What to call a conversation. */
export function nameOf(row: Pick<SessionRow, "key" | "label" | "displayName" | "derivedTitle">) {
  return row.label || row.displayName || row.derivedTitle || shortKey(row.key);
}

/** The telling end of a session key. */
export function shortKey(key: string): string {
  const parts = key.split(":");
  return parts[0] === "agent" && parts.length > 2 ? parts.slice(2).join(":") : key;
}

export function agentOf(key: string): string {
  const parts = key.split(":");
  return parts[0] === "agent" ? (parts[1] ?? "main") : "main";
}

/** Keeps the lists fresh: with each connection, and after each turn. */
export function followSessions(): void {
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void loadSessions(), SETTLE_MS) as never;
  };
  client.on<{ state: string }>("chat", (event) => {
    if (event.state !== "delta" && event.state !== "status") soon();
  });
  client.on<{ stream: string; data: { phase?: string } }>("agent", (event) => {
    if (event.stream === "lifecycle" && event.data.phase === "start") soon();
  });
  client.on("sessions.changed", soon);
  effect(() => {
    if (!isOpen.value || epoch.value === 0) return;
    void loadSessions();
    void loadAgents();
    void loadModels();
  });
}
