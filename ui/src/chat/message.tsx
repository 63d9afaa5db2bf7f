// One row of the conversation.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { CopyButton } from "../kit/copy";
import { clock, count, duration, money } from "../kit/format";
import { Icon } from "../kit/icons";
import { memo } from "../kit/memo";
import { showDirection } from "../markdown/blocks";
import { Clamped, Markdown } from "../markdown/markdown";
import { showThinking } from "../state/settings";
import { keepDraft } from "./drafts";
import type { Picture, Row, ToolState, Usage } from "./rows";
import { sessionKey, takeBack, tick } from "./store";

interface Props {
  row: Row;
  isLive: boolean;
}

export const RowView = memo(
  ({ row, isLive }: Props) => {
    switch (row.kind) {
      case "user":
        return <UserRow row={row} />;
      case "text":
        return <TextRow row={row} isLive={isLive} />;
      case "thinking":
        return <ThinkingRow row={row} isLive={isLive} />;
      case "tool":
        return <ToolCard tool={row.tool} />;
      case "error":
        return (
          <div class="row turn-error" role="alert">
            <Icon name="warn" />
            <div>
              <b>{t("chat.error")}</b>
              <p dir="auto">{showDirection(row.text)}</p>
            </div>
          </div>
        );
      case "notice":
        return <p class="row notice">{row.text}</p>;
      case "end":
        return <EndRow row={row} />;
    }
  },
  (before, after) => before.row === after.row && before.isLive === after.isLive,
);

function Pictures({ pictures }: { pictures: Picture[] }) {
  if (pictures.length === 0) return null;
  return (
    <div class="pictures">
      {pictures.map((it) => (
        <img key={it.url.slice(-64)} src={it.url} alt={it.name ?? ""} loading="lazy" />
      ))}
    </div>
  );
}

function UserRow({ row }: { row: Extract<Row, { kind: "user" }> }) {
  const edit = () => {
    const text = takeBack(row.key);
    keepDraft(sessionKey.value, text);
    dispatchEvent(new CustomEvent("openclaw:draft", { detail: text }));
  };
  return (
    <article class="row user" data-state={row.state} aria-label={t("chat.you")}>
      <div class="bubble">
        <Pictures pictures={row.pictures} />
        {row.text && (
          <p dir="auto" class="said">
            {row.text}
          </p>
        )}
      </div>
      <footer>
        {row.state === "queued" && t("chat.queued")}
        {row.state === "steering" && t("chat.steering")}
        {row.state === "failed" && (
          <>
            <span class="error-text">{t("chat.failed")}</span>
            <button type="button" class="link" onClick={edit}>
              {t("chat.takeBack")}
            </button>
          </>
        )}
        {!row.state && clock(row.atMs)}
      </footer>
    </article>
  );
}

function TextRow({ row, isLive }: { row: Extract<Row, { kind: "text" }>; isLive: boolean }) {
  if (isLive) tick.value;
  return (
    <article class="row text" aria-label={t("chat.agent")}>
      <Markdown text={row.text} />
    </article>
  );
}

function ThinkingRow({
  row,
  isLive,
}: {
  row: Extract<Row, { kind: "thinking" }>;
  isLive: boolean;
}) {
  if (isLive) tick.value;
  return (
    <details class="row thoughts" open={showThinking.value}>
      <summary>
        <Icon name="bulb" />
        {isLive ? t("chat.thinking") : t("chat.thought")}
        {isLive && <i class="pulse" />}
      </summary>
      <p dir="auto">{row.text}</p>
    </details>
  );
}

/** What a call is about, in one line. */
export function summaryOf(tool: ToolState): string {
  const args = tool.args;
  if (typeof args === "string") return args;
  if (typeof args !== "object" || args === null) return "";
  const known = args as Record<string, unknown>;
  for (const name of [
    "command",
    "path",
    "file_path",
    "url",
    "query",
    "message",
    "action",
    "name",
  ]) {
    const value = known[name];
    if (typeof value === "string" && value) return value.split("\n")[0] ?? "";
  }
  const first = Object.values(known).find((value) => typeof value === "string");
  return typeof first === "string" ? (first.split("\n")[0] ?? "") : "";
}

function ToolCard({ tool }: { tool: ToolState }) {
  const isRunning = tool.status === "running";
  const isOpen = useSignal(isRunning);
  const hasChosen = useSignal(false);
  // What one watched folds up when it is over, unless one has taken the matter in hand.
  useEffect(() => {
    if (!hasChosen.peek()) isOpen.value = isRunning;
  }, [isRunning]);
  return (
    <section
      class="row tool"
      data-status={tool.status}
      data-exit={tool.exitCode ? "bad" : undefined}
    >
      <button
        type="button"
        class="tool-head"
        aria-expanded={isOpen.value}
        onClick={() => {
          hasChosen.value = true;
          isOpen.value = !isOpen.value;
        }}
      >
        <Icon name={tool.status === "failed" ? "warn" : "tool"} />
        <b>{tool.name}</b>
        <code>{showDirection(summaryOf(tool)).slice(0, 300)}</code>
        <span class="tool-state">
          {isRunning ? <i class="pulse" /> : null}
          {stateOf(tool)}
        </span>
        <Icon name="chevron" />
      </button>
      {isOpen.value && <ToolBody tool={tool} />}
      <Pictures pictures={tool.pictures} />
    </section>
  );
}

function stateOf(tool: ToolState): string {
  if (tool.status === "running") return t("chat.tool.running");
  const parts: string[] = [];
  if (tool.status === "failed") parts.push(t("chat.tool.failed"));
  if (tool.exitCode) parts.push(t("chat.tool.exit", { n: tool.exitCode }));
  if (tool.tookMs !== undefined) parts.push(duration(tool.tookMs));
  return parts.join(" · ") || t("chat.tool.done");
}

function ToolBody({ tool }: { tool: ToolState }) {
  const args = typeof tool.args === "string" ? tool.args : JSON.stringify(tool.args ?? {}, null, 2);
  return (
    <div class="tool-body">
      <div class="tool-part">
        <h3>{t("chat.tool.args")}</h3>
        <CopyButton text={args} />
        <Clamped text={args} label={t("chat.tool.args")} />
      </div>
      <div class="tool-part">
        <h3>{t("chat.tool.output")}</h3>
        {tool.output && <CopyButton text={tool.output} />}
        {tool.output ? (
          <Clamped text={tool.output} label={t("chat.tool.output")} />
        ) : (
          <p class="muted">{tool.status === "running" ? "…" : t("chat.tool.none")}</p>
        )}
      </div>
    </div>
  );
}

function EndRow({ row }: { row: Extract<Row, { kind: "end" }> }) {
  const parts: string[] = [];
  if (row.stop === "aborted") parts.push(t("chat.stopped"));
  const tokens = tokensOf(row.usage);
  if (tokens) parts.push(tokens);
  const cost = row.usage.cost?.total ?? 0;
  if (cost > 0) parts.push(money(cost));
  if (row.model) parts.push(row.model);
  parts.push(clock(row.atMs));
  return <p class="row end">{parts.filter(Boolean).join(" · ")}</p>;
}

function tokensOf(usage: Usage): string {
  const input = (usage.input ?? 0) + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0);
  const output = usage.output ?? 0;
  return input + output > 0 ? t("chat.tokens", { in: count(input), out: count(output) }) : "";
}
