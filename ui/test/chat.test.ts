import { expect, test } from "vitest";
import { refusal } from "../src/chat/attachments";
import { completions } from "../src/chat/commands";
import { type ChatEvent, Turn } from "../src/chat/live";
import { type Message, rowsOf } from "../src/chat/rows";

const said = (text: string) => ({
  role: "assistant",
  content: [{ type: "text", text }],
  timestamp: 1,
});

function chat(state: ChatEvent["state"], text?: string): ChatEvent {
  return { runId: "r", sessionKey: "k", state, ...(text && { message: said(text) }) };
}

function agent(stream: string, data: Record<string, unknown>, ts = 1) {
  return { runId: "r", sessionKey: "k", stream, ts, data };
}

const kinds = (rows: { kind: string }[]) => rows.map((row) => row.kind);

test("a transcript becomes rows, and a turn's usage stands at its end", () => {
  const usage = { input: 10, output: 2, totalTokens: 12, cost: { total: 0.5 } };
  const messages: Message[] = [
    { role: "user", content: "hi", timestamp: 1 },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "Let me look." },
        { type: "toolCall", id: "c", name: "exec", arguments: { command: "ls" } },
      ],
      stopReason: "toolUse",
      usage,
    },
    {
      role: "toolResult",
      toolCallId: "c",
      content: [{ type: "text", text: "a.txt" }],
      isError: false,
      details: { exitCode: 2, durationMs: 5 },
    },
    {
      role: "assistant",
      content: [{ type: "text", text: "One." }],
      stopReason: "stop",
      usage,
      model: "m",
    },
  ];

  const rows = rowsOf(messages);

  expect(kinds(rows)).toEqual(["user", "thinking", "text", "tool", "text", "end"]);
  const tool = rows.find((row) => row.kind === "tool");
  expect(tool).toMatchObject({ tool: { status: "done", output: "a.txt", exitCode: 2, tookMs: 5 } });
  expect(rows.at(-1)).toMatchObject({
    usage: { input: 20, output: 4, totalTokens: 12, cost: { total: 1 } },
  });
});

test("a call without a result did not end well", () => {
  const call = { type: "toolCall", id: "c", name: "exec", arguments: {} };
  const rows = rowsOf([{ role: "assistant", content: [call], stopReason: "toolUse" }]);

  expect(rows[0]).toMatchObject({ kind: "tool", tool: { status: "failed" } });
});

test("only pictures of known kinds are shown", () => {
  const image = (mimeType: string) => ({ type: "image", data: "AA==", mimeType });
  const rows = rowsOf([
    { role: "user", content: [image("image/png"), image("image/svg+xml"), image("text/html")] },
  ]);

  expect(rows[0]).toMatchObject({ pictures: [{ url: "data:image/png;base64,AA==" }] });
});

test("a turn grows by its events, tools in between", () => {
  const turn = new Turn("r");

  expect(turn.chat(chat("delta", "Let"))).toBe("rows");
  expect(turn.chat(chat("delta", "Let me"))).toBe("text");
  turn.agent(agent("tool", { phase: "start", toolCallId: "c", name: "exec", args: {} }, 10));
  turn.agent(
    agent(
      "tool",
      {
        phase: "update",
        toolCallId: "c",
        partialResult: { content: [{ type: "text", text: "a" }] },
      },
      11,
    ),
  );
  const running = turn.rows[1];
  turn.agent(
    agent(
      "tool",
      { phase: "result", toolCallId: "c", isError: false, result: { content: [] } },
      30,
    ),
  );
  turn.agent(agent("lifecycle", { phase: "model", model: "m" }));
  turn.chat(chat("delta", "Done"));
  turn.chat(chat("final", "Done."));

  expect(kinds(turn.rows)).toEqual(["text", "tool", "text"]);
  expect(turn.rows[1]).not.toBe(running);
  expect(turn.rows[1]).toMatchObject({ tool: { status: "done", tookMs: 20 } });
  expect(turn.rows[2]).toMatchObject({ text: "Done." });
  expect(turn.isOver).toBe(true);
  expect(new Set(turn.rows.map((row) => row.key)).size).toBe(3);
});

test("a lost delta does no harm, and an aborted turn leaves no running tool", () => {
  const turn = new Turn("r");
  turn.agent(agent("tool", { phase: "start", toolCallId: "c", name: "exec", args: {} }));
  turn.chat(chat("delta", "a b c"));

  turn.chat(chat("aborted"));

  expect(turn.rows[0]).toMatchObject({ tool: { status: "failed" } });
  expect(turn.writing).toBe("a b c");
});

test("a failed turn says why", () => {
  const turn = new Turn("r");
  turn.chat({ ...chat("error"), errorMessage: "no key" });

  expect(turn.rows).toMatchObject([{ kind: "error", text: "no key" }]);
});

test("thoughts gather in one row", () => {
  const turn = new Turn("r");
  turn.agent(agent("thinking", { delta: "a" }));
  turn.agent(agent("thinking", { delta: "b" }));

  expect(turn.rows).toMatchObject([{ kind: "thinking", text: "ab" }]);
});

test("commands complete by their beginning, and their choices too", () => {
  expect(completions("/st")).toEqual(["/status", "/stop"]);
  expect(completions("/think m")).toEqual(["/think minimal", "/think medium"]);
  expect(completions("hello /st")).toEqual([]);
  expect(completions("/status\nmore")).toEqual([]);
});

test("only pictures within the limit go along", () => {
  expect(refusal({ type: "image/png", size: 5 }, 5)).toBeNull();
  expect(refusal({ type: "image/png", size: 6 }, 5)).toBe("size");
  expect(refusal({ type: "image/svg+xml", size: 1 }, 5)).toBe("type");
});
