// A turn as it happens: events in, rows out. Pure, but for the rows it keeps.

import {
  type Message,
  type Part,
  picturesOf,
  type Row,
  resultFacts,
  type ToolState,
  textOf,
} from "./rows";

export interface AgentEvent {
  runId: string;
  sessionKey: string;
  stream: string;
  ts: number;
  data: Record<string, unknown>;
}

export interface ChatEvent {
  runId: string;
  sessionKey: string;
  state: "delta" | "final" | "aborted" | "error" | "status";
  deltaText?: string;
  replace?: boolean;
  message?: Message;
  errorMessage?: string;
  errorKind?: string;
  stopReason?: string;
  phase?: string;
}

/** What an event changed, so that just that is drawn again. */
export type Touched = "rows" | "text" | "nothing";

export class Turn {
  readonly rows: Row[] = [];
  /** Whether we were not there from its beginning. */
  isJoined = false;
  /** Where the turn is when there is nothing else to show. */
  phase = "waiting";
  isOver = false;
  model = "";
  outputTokens = 0;
  /** Places of tools in `rows`, by the id of the call. */
  private readonly tools = new Map<string, number>();
  private text: Extract<Row, { kind: "text" }> | null = null;
  private thinking: Extract<Row, { kind: "thinking" }> | null = null;
  private count = 0;

  constructor(readonly runId: string) {}

  agent(event: AgentEvent): Touched {
    const data = event.data;
    if (event.stream === "tool") return this.tool(data, event.ts);
    if (event.stream === "thinking") return this.think(String(data.delta ?? ""));
    if (event.stream === "usage") this.outputTokens = Number(data.outputTokens ?? 0);
    if (event.stream === "compaction") {
      this.phase = data.phase === "start" ? "compacting" : "working";
      return "rows";
    }
    if (event.stream === "lifecycle" && data.phase === "start") this.phase = "working";
    if (event.stream === "lifecycle" && data.phase === "model") {
      this.model = String(data.model ?? "");
      this.phase = "working";
      this.text = null;
      this.thinking = null;
    }
    return "nothing";
  }

  chat(event: ChatEvent): Touched {
    if (event.state === "delta") {
      this.phase = "writing";
      // The whole text comes along, so a delta that was lost does no harm.
      return this.write(textOf(event.message?.content), event.message?.timestamp ?? 0);
    }
    if (event.state === "status") {
      this.phase = event.phase ?? "working";
      return "nothing";
    }
    this.isOver = true;
    const whole = textOf(event.message?.content);
    if (whole) this.write(whole, event.message?.timestamp ?? 0);
    for (const at of this.tools.values()) {
      if (this.toolAt(at)?.status === "running") this.change(at, { status: "failed" });
    }
    if (event.state === "error") {
      this.push({ kind: "error", key: "", text: event.errorMessage ?? event.errorKind ?? "" });
    }
    return "rows";
  }

  /** Gives away the rows so far: what comes next stands below something else. */
  take(): Row[] {
    this.text = null;
    this.thinking = null;
    this.tools.clear();
    return this.rows.splice(0);
  }

  /** The text that is being written. */
  get writing(): string {
    return this.text?.text ?? "";
  }

  private write(whole: string, atMs: number): Touched {
    if (!whole) return "nothing";
    this.thinking = null;
    if (this.text) {
      if (this.text.text === whole) return "nothing";
      this.text.text = whole;
      return "text";
    }
    const last = this.rows.at(-1);
    if (last?.kind === "text" && whole.startsWith(last.text)) {
      this.text = last;
      last.text = whole;
      return "text";
    }
    this.text = this.push({ kind: "text", key: "", text: whole, atMs });
    return "rows";
  }

  private think(delta: string): Touched {
    this.phase = "thinking";
    if (this.thinking) {
      this.thinking.text += delta;
      return "text";
    }
    this.thinking = this.push({ kind: "thinking", key: "", text: delta });
    return "rows";
  }

  private tool(data: Record<string, unknown>, atMs: number): Touched {
    const id = String(data.toolCallId ?? "");
    if (data.phase === "start") {
      this.phase = "tool";
      this.text = null;
      this.thinking = null;
      const tool: ToolState = {
        name: String(data.name ?? ""),
        args: data.args,
        status: "running",
        output: "",
        pictures: [],
        startedMs: atMs,
      };
      this.tools.set(id, this.rows.length);
      this.push({ kind: "tool", key: "", tool });
      return "rows";
    }
    const at = this.tools.get(id);
    const before = this.toolAt(at);
    if (at === undefined || !before) return "nothing";
    const result = (data.phase === "result" ? data.result : data.partialResult) as
      | { content?: string | Part[]; details?: Record<string, unknown> }
      | undefined;
    const output = textOf(result?.content);
    if (data.phase === "update") {
      if (output) this.change(at, { output });
      return "rows";
    }
    this.phase = "working";
    const tookMs = before.startedMs ? atMs - before.startedMs : undefined;
    this.change(at, {
      status: data.isError ? "failed" : "done",
      output,
      pictures: picturesOf(result?.content),
      ...(tookMs !== undefined && { tookMs }),
      ...resultFacts(result?.details),
    });
    return "rows";
  }

  private toolAt(at: number | undefined): ToolState | undefined {
    const row = at === undefined ? undefined : this.rows[at];
    return row?.kind === "tool" ? row.tool : undefined;
  }

  /** A changed row is a new object, so that what shows it sees the change. */
  private change(at: number, change: Partial<ToolState>): void {
    const row = this.rows[at];
    if (row?.kind === "tool") this.rows[at] = { ...row, tool: { ...row.tool, ...change } };
  }

  private push<R extends Row>(row: R): R {
    row.key = `${this.runId}/${this.count++}`;
    this.rows.push(row);
    return row;
  }
}
