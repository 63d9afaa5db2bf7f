// The conversation that is on the screen: its history, the turns that run, what waits to be sent.

import { batch, computed, effect, signal } from "@preact/signals";
import type { CallError } from "../gateway/frames";
import { client, epoch, isOpen, mainKey } from "../state/gateway";
import { place } from "../state/route";
import { sessionKey as remembered } from "../state/settings";
import type { Attachment } from "./attachments";
import { type AgentEvent, type ChatEvent, Turn } from "./live";
import { addUsage, type Message, type Row, rowsOf, type Usage } from "./rows";

const FIRST_PAGE = 200;
const PAGE = 250;

interface History {
  sessionId?: string;
  messages: Message[];
  thinkingLevel?: string;
  verboseLevel?: string;
  hasMore?: boolean;
  nextOffset?: number;
}

/** The conversation that is shown: from the address, else the last one, else the main one. */
export const sessionKey = computed(
  () => place.value.params.session || remembered.value || mainKey.value,
);

export const rows = signal<Row[]>([]);
export const isLoading = signal(true);
export const loadError = signal("");
export const hasMore = signal(false);
export const isLoadingMore = signal(false);
export const thinkingLevel = signal("off");
/** Turns that run, oldest first. */
export const turns = signal<Turn[]>([]);
/** Rises with every change of the text that is being written. */
export const tick = signal(0);
export const isRunning = computed(() => turns.value.length > 0);
/** Messages that wait for the turn before them. */
export const queued = computed(
  () => rows.value.filter((row) => row.kind === "user" && row.state === "queued").length,
);

let offset = 0;
let loadedKey = "";
/** The transcript that is shown: another one under the same key is another conversation. */
let loadedId = "";
const over = new Set<string>();

/** Loads the newest messages; keeps what is shown when they are of the same conversation. */
export async function load(): Promise<void> {
  const key = sessionKey.value;
  if (key !== loadedKey) {
    batch(() => {
      rows.value = [];
      turns.value = [];
      isLoading.value = true;
      loadError.value = "";
      hasMore.value = false;
    });
    loadedKey = key;
  }
  try {
    const history = await client.call<History>("chat.history", {
      sessionKey: key,
      limit: FIRST_PAGE,
    });
    if (key !== sessionKey.value) return;
    loadedId = history.sessionId ?? "";
    batch(() => {
      offset = history.messages.length;
      rows.value = rowsOf(history.messages);
      turns.value = [];
      hasMore.value = history.hasMore ?? false;
      thinkingLevel.value = history.thinkingLevel ?? "off";
      isLoading.value = false;
      loadError.value = "";
    });
    await resume(key);
  } catch (error) {
    if (key !== sessionKey.value || (error as CallError).code === "OFFLINE") return;
    batch(() => {
      isLoading.value = false;
      loadError.value = (error as Error).message;
    });
  }
}

/** Turns that were running before we came: their text goes on where the next event says. */
async function resume(key: string): Promise<void> {
  const found = await client.call<{ sessions: { key: string; activeRunIds?: string[] }[] }>(
    "sessions.list",
    { search: key.split(":").slice(2).join(":") || key, limit: 20 },
  );
  const active = found.sessions.find((it) => it.key === key)?.activeRunIds ?? [];
  for (const runId of active) if (!over.has(runId)) turnOf(runId).isJoined = true;
}

/** Loads what was said before. */
export async function loadMore(): Promise<void> {
  if (isLoadingMore.value || !hasMore.value) return;
  const key = sessionKey.value;
  isLoadingMore.value = true;
  try {
    const params = { sessionKey: key, limit: PAGE, offset };
    const history = await client.call<History>("chat.history", params);
    if (key !== sessionKey.value) return;
    batch(() => {
      offset += history.messages.length;
      hasMore.value = (history.hasMore ?? false) && history.messages.length > 0;
      rows.value = [...rowsOf(history.messages), ...rows.value];
    });
  } catch {
    // The next scroll to the top asks again.
  } finally {
    isLoadingMore.value = false;
  }
}

export interface Sending {
  text: string;
  attachments: Attachment[];
  queueMode?: "steer" | "followup";
}

/** Sends a message; it is shown at once. */
export async function send(message: Sending): Promise<boolean> {
  const runId = crypto.randomUUID();
  const key = sessionKey.value;
  const isCommand = message.text.trim().startsWith("/");
  const pictures = message.attachments.map((it) => ({ url: it.dataUrl, name: it.name }));
  const steers = isRunning.value && message.queueMode === "steer";
  const waits = isRunning.value && !steers && !isCommand;
  const row: Row = {
    kind: "user",
    key: `out/${runId}`,
    text: message.text,
    pictures,
    atMs: Date.now(),
    state: steers ? "steering" : waits ? "queued" : "sending",
  };
  rows.value = [...rows.value, row];
  if (!waits && !steers) turnOf(runId);
  const params: Record<string, unknown> = {
    sessionKey: key,
    message: message.text,
    idempotencyKey: runId,
  };
  if (message.queueMode && isRunning.value) params.queueMode = message.queueMode;
  if (message.attachments.length > 0) {
    params.attachments = message.attachments.map((it) => ({
      type: "image",
      mimeType: it.mimeType,
      fileName: it.name,
      content: it.dataUrl,
    }));
  }
  try {
    const answer = await client.call<{ status?: string; aborted?: boolean }>("chat.send", params);
    if (!waits && !steers) mark(row.key, undefined);
    if (answer.status !== "started" && answer.status !== "in_flight") drop(runId);
    return true;
  } catch (error) {
    mark(row.key, "failed");
    drop(runId);
    if ((error as CallError).code !== "OFFLINE") {
      const text = (error as Error).message;
      rows.value = [...rows.value, { kind: "error", key: `${row.key}/e`, text }];
    }
    return false;
  }
}

/** Takes a message that could not be sent off the screen, and gives it back. */
export function takeBack(key: string): string {
  const row = rows.value.find((it) => it.key === key);
  rows.value = rows.value.filter((it) => it.key !== key && it.key !== `${key}/e`);
  return row?.kind === "user" ? row.text : "";
}

export async function abort(): Promise<void> {
  await client.call("chat.abort", { sessionKey: sessionKey.value });
}

function mark(key: string, state: "failed" | undefined): void {
  rows.value = rows.value.map((row) => {
    if (row.key !== key || row.kind !== "user") return row;
    const { state: _, ...rest } = row;
    return state ? { ...rest, state } : rest;
  });
}

function turnOf(runId: string): Turn {
  const known = turns.value.find((turn) => turn.runId === runId);
  if (known) return known;
  const turn = new Turn(runId);
  turns.value = [...turns.value, turn];
  return turn;
}

function drop(runId: string): void {
  turns.value = turns.value.filter((turn) => turn.runId !== runId);
}

function touched(what: string): void {
  if (what === "rows") turns.value = [...turns.value];
  else if (what === "text") tick.value += 1;
}

/** A message that waited has become a turn. */
function dequeue(runId: string): void {
  const key = `out/${runId}`;
  const row = rows.value.find((it) => it.key === key);
  if (row?.kind !== "user" || row.state !== "queued") return;
  // It goes to the end: what was said while it waited came before it.
  const { state: _, ...rest } = row;
  rows.value = [...rows.value.filter((it) => it.key !== key), rest];
}

/** The model is asked again, and hears what was said meanwhile: that stands here, then. */
function steer(turn: Turn): void {
  const heard = rows.value.filter((row) => row.kind === "user" && row.state === "steering");
  if (heard.length === 0) return;
  const said = rows.value.filter((row) => !heard.includes(row));
  const plain = heard.map((row) => {
    const { state: _, ...rest } = row as Extract<Row, { kind: "user" }>;
    return rest;
  });
  batch(() => {
    rows.value = [...said, ...turn.take(), ...plain];
    turns.value = [...turns.value];
  });
}

/** Somebody else has said something here: what it was is in the transcript. */
async function join(runId: string): Promise<void> {
  const turn = turnOf(runId);
  turn.isJoined = true;
  const key = sessionKey.value;
  const params = { sessionKey: key, limit: FIRST_PAGE };
  const history = await client.call<History>("chat.history", params).catch(() => null);
  if (!history || key !== sessionKey.value || turn.isOver || rows.value.length > FIRST_PAGE * 4)
    return;
  const waiting = rows.value.filter((row) => row.kind === "user" && row.state);
  offset = history.messages.length;
  rows.value = [...rowsOf(history.messages), ...waiting];
}

function onAgent(event: AgentEvent): void {
  if (event.sessionKey !== sessionKey.peek() || over.has(event.runId)) return;
  if (event.stream === "assistant" || event.stream === "item") return;
  if (event.stream === "lifecycle" && event.data.phase === "start") {
    dequeue(event.runId);
    if (!rows.value.some((row) => row.key === `out/${event.runId}`)) void join(event.runId);
  }
  if (event.stream === "lifecycle" && event.data.phase === "model") steer(turnOf(event.runId));
  touched(turnOf(event.runId).agent(event));
}

function onChat(event: ChatEvent): void {
  if (event.sessionKey !== sessionKey.peek() || over.has(event.runId)) return;
  const isEnd = event.state !== "delta" && event.state !== "status";
  if (isEnd) dequeue(event.runId);
  const turn = turnOf(event.runId);
  const change = turn.chat(event);
  if (!isEnd) {
    touched(change);
    return;
  }
  over.add(event.runId);
  steer(turn);
  const end: Row = {
    kind: "end",
    key: `${event.runId}/end`,
    usage: {},
    model: turn.model,
    atMs: Date.now(),
    ...(event.state === "aborted" && { stop: "aborted" }),
  };
  const isCommand = turn.model === "" && !turn.isJoined && event.state === "final";
  batch(() => {
    rows.value = [...rows.value, ...turn.rows, ...(isCommand ? [] : [end])];
    drop(event.runId);
  });
  if (isCommand) void afterCommand();
  else if (turn.isJoined) void load();
  else void account(event.runId, end.key);
}

/** A command may have changed the conversation itself. */
async function afterCommand(): Promise<void> {
  const key = sessionKey.value;
  const params = { sessionKey: key, limit: 1 };
  const history = await client.call<History>("chat.history", params).catch(() => null);
  if (!history || key !== sessionKey.value) return;
  thinkingLevel.value = history.thinkingLevel ?? "off";
  if (history.messages.length === 0 || isOther(history)) await load();
}

/** Whether the conversation was begun anew since it was loaded. */
function isOther(history: History): boolean {
  const id = history.sessionId ?? "";
  // The first message has made it.
  if (loadedId === "") loadedId = id;
  return id !== "" && id !== loadedId;
}

/** What the turn that ended has cost, as its transcript says. */
async function account(_runId: string, endKey: string): Promise<void> {
  const key = sessionKey.value;
  const params = { sessionKey: key, limit: 60 };
  const history = await client.call<History>("chat.history", params).catch(() => null);
  if (!history || key !== sessionKey.value) return;
  if (isOther(history)) {
    await load();
    return;
  }
  let usage: Usage = {};
  let model = "";
  for (const message of [...history.messages].reverse()) {
    if (message.role === "user") break;
    if (message.role !== "assistant") continue;
    usage = addUsage(message.usage ?? {}, usage.totalTokens ? usage : undefined);
    model ||= message.model ?? "";
  }
  offset = Math.max(offset, history.messages.length);
  rows.value = rows.value.map((row) =>
    row.key === endKey && row.kind === "end" ? { ...row, usage, model: model || row.model } : row,
  );
}

/** Follows the address and the connection from now on. */
export function follow(): void {
  client.on<AgentEvent>("agent", onAgent);
  client.on<ChatEvent>("chat", onChat);
  client.on("gap", () => void load());
  effect(() => {
    const key = sessionKey.value;
    const at = epoch.value;
    if (at > 0 && isOpen.value && place.value.view === "chat" && key) {
      remembered.value = key;
      void load();
    }
  });
}
