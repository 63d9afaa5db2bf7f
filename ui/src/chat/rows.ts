// From the messages of a transcript to the rows that the chat shows. Pure.

export interface Usage {
  input?: number;
  output?: number;
  cacheRead?: number;
  cacheWrite?: number;
  totalTokens?: number;
  cost?: { total?: number };
}

export interface Part {
  type: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  arguments?: unknown;
  data?: string;
  mimeType?: string;
}

export interface Message {
  role: string;
  content?: string | Part[];
  timestamp?: number;
  provider?: string;
  model?: string;
  usage?: Usage;
  stopReason?: string;
  errorMessage?: string;
  toolCallId?: string;
  toolName?: string;
  isError?: boolean;
  details?: Record<string, unknown>;
  summary?: string;
  __openclaw?: { id?: string };
}

export interface Picture {
  url: string;
  name?: string;
}

export interface ToolState {
  name: string;
  args: unknown;
  status: "running" | "done" | "failed";
  output: string;
  pictures: Picture[];
  startedMs?: number;
  tookMs?: number;
  exitCode?: number;
}

export type Row =
  | {
      kind: "user";
      key: string;
      text: string;
      pictures: Picture[];
      atMs: number;
      state?: SendState;
    }
  | { kind: "text"; key: string; text: string; atMs: number }
  | { kind: "thinking"; key: string; text: string }
  | { kind: "tool"; key: string; tool: ToolState }
  | { kind: "error"; key: string; text: string }
  | { kind: "notice"; key: string; text: string }
  | { kind: "end"; key: string; usage: Usage; model: string; atMs: number; stop?: string };

export type SendState = "sending" | "queued" | "steering" | "failed";

export function partsOf(content: Message["content"]): Part[] {
  if (typeof content === "string") return content ? [{ type: "text", text: content }] : [];
  return Array.isArray(content) ? content : [];
}

export function textOf(content: Message["content"]): string {
  return partsOf(content)
    .filter((part) => part.type === "text")
    .map((part) => part.text ?? "")
    .join("\n");
}

const PICTURES = /^image\/(png|jpeg|gif|webp)$/;

export function picturesOf(content: Message["content"]): Picture[] {
  return partsOf(content).flatMap((part) =>
    part.type === "image" && part.data && PICTURES.test(part.mimeType ?? "")
      ? [{ url: `data:${part.mimeType};base64,${part.data}` }]
      : [],
  );
}

export function addUsage(to: Usage, more: Usage | undefined): Usage {
  if (!more) return to;
  const cost = (to.cost?.total ?? 0) + (more.cost?.total ?? 0);
  return {
    input: (to.input ?? 0) + (more.input ?? 0),
    output: (to.output ?? 0) + (more.output ?? 0),
    cacheRead: (to.cacheRead ?? 0) + (more.cacheRead ?? 0),
    cacheWrite: (to.cacheWrite ?? 0) + (more.cacheWrite ?? 0),
    totalTokens: more.totalTokens ?? to.totalTokens ?? 0,
    cost: { total: cost },
  };
}

/** What a tool's result tells beyond its text. */
export function resultFacts(details: Record<string, unknown> | undefined): {
  tookMs?: number;
  exitCode?: number;
} {
  const number = (name: string) => {
    const value = details?.[name];
    return typeof value === "number" ? value : undefined;
  };
  const facts: { tookMs?: number; exitCode?: number } = {};
  const took = number("durationMs");
  const exit = number("exitCode");
  if (took !== undefined) facts.tookMs = took;
  if (exit !== undefined) facts.exitCode = exit;
  return facts;
}

/** The rows of messages in file order. A turn ends where the model stops without a call. */
export function rowsOf(messages: Message[], prefix = ""): Row[] {
  const rows: Row[] = [];
  const calls = new Map<string, ToolState>();
  let usage: Usage = {};
  messages.forEach((message, n) => {
    const key = `${prefix}${message.__openclaw?.id ?? `${message.timestamp ?? 0}.${n}`}`;
    const atMs = message.timestamp ?? 0;
    if (message.role === "user") {
      usage = {};
      const text = textOf(message.content);
      rows.push({ kind: "user", key, text, pictures: picturesOf(message.content), atMs });
    } else if (message.role === "assistant") {
      usage = addUsage(usage, message.usage);
      rows.push(...assistantRows(message, key, calls));
      if (message.stopReason !== "toolUse" && message.stopReason !== "injected") {
        rows.push(endOf(message, key, usage));
        usage = {};
      }
    } else if (message.role === "toolResult") {
      const tool = calls.get(message.toolCallId ?? "");
      if (tool) settle(tool, message);
    } else if (message.summary) {
      rows.push({ kind: "notice", key, text: message.summary });
    }
  });
  for (const tool of calls.values()) if (tool.status === "running") tool.status = "failed";
  return rows;
}

function assistantRows(message: Message, key: string, calls: Map<string, ToolState>): Row[] {
  const rows = partsOf(message.content).flatMap((part, at) => {
    const row = assistantRow(part, `${key}:${at}`, message.timestamp ?? 0, calls);
    return row ? [row] : [];
  });
  if (message.stopReason === "error" || message.errorMessage) {
    rows.push({ kind: "error", key: `${key}:e`, text: message.errorMessage ?? "" });
  }
  return rows;
}

/** What is told of a turn when it is over. */
function endOf(message: Message, key: string, usage: Usage): Row {
  return {
    kind: "end",
    key: `${key}:end`,
    usage,
    model: message.model ?? "",
    atMs: message.timestamp ?? 0,
    ...(message.stopReason === "aborted" && { stop: "aborted" }),
  };
}

function assistantRow(
  part: Part,
  key: string,
  atMs: number,
  calls: Map<string, ToolState>,
): Row | null {
  if (part.type === "text" && part.text?.trim())
    return { kind: "text", key, text: part.text, atMs };
  if (part.type === "thinking" && part.thinking?.trim()) {
    return { kind: "thinking", key, text: part.thinking };
  }
  if (part.type === "toolCall") {
    const tool: ToolState = {
      name: part.name ?? "",
      args: part.arguments,
      status: "running",
      output: "",
      pictures: [],
    };
    calls.set(part.id ?? "", tool);
    return { kind: "tool", key, tool };
  }
  return null;
}

function settle(tool: ToolState, message: Message): void {
  tool.status = message.isError ? "failed" : "done";
  tool.output = textOf(message.content);
  tool.pictures = picturesOf(message.content);
  Object.assign(tool, resultFacts(message.details));
}
