// The log as it is written.

import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { t } from "../i18n";
import { CopyButton } from "../kit/copy";
import { count } from "../kit/format";
import { Page } from "../kit/load";
import { VirtualList } from "../kit/virtual";
import { showDirection } from "../markdown/blocks";
import { client, epoch, isOpen } from "../state/gateway";
import { LEVELS, type LogLine, parseLine } from "../state/log-line";
import "../styles/page.css";
import "../styles/logs.css";

const EVERY_MS = 1_000;
const LINES_MAX = 20_000;

interface Tail {
  cursor: number;
  lines: string[];
  reset: boolean;
  file: string;
}

const lines = signal<LogLine[]>([]);
const file = signal("");
let cursor: number | undefined;
let next = 0;

async function read(): Promise<void> {
  const params = cursor === undefined ? { limit: 1000 } : { cursor, limit: 2000 };
  const tail = await client.call<Tail>("logs.tail", params);
  if (tail.reset || tail.file !== file.value) lines.value = [];
  cursor = tail.cursor;
  file.value = tail.file;
  if (tail.lines.length === 0) return;
  const read = tail.lines.map((text) => parseLine(text, `l${next++}`));
  lines.value = [...lines.value, ...read].slice(-LINES_MAX);
}

export default function Logs() {
  const level = useSignal("info");
  const typed = useSignal("");
  const follows = useSignal(true);
  const error = useSignal("");
  const box = useRef<HTMLDivElement>(null);
  const at = isOpen.value ? epoch.value : 0;
  useEffect(() => {
    if (at === 0 || !follows.value) return;
    const look = () => {
      read().then(
        () => (error.value = ""),
        (cause: Error) => (error.value = cause.message),
      );
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [at, follows.value]);

  const least = LEVELS.indexOf(level.value);
  const wanted = typed.value.trim().toLowerCase();
  const shown = useMemo(
    () =>
      lines.value.filter(
        (it) =>
          LEVELS.indexOf(it.level) >= least && (!wanted || it.raw.toLowerCase().includes(wanted)),
      ),
    [lines.value, least, wanted],
  );
  useLayoutEffect(() => {
    box.current?.style.setProperty("--lines", String(shown.length));
  });
  return (
    <Page
      wide
      title={t("logs.title")}
      lead={file.value}
      actions={
        <CopyButton label={t("logs.copy")} text={() => shown.map((it) => it.raw).join("\n")} />
      }
    >
      <div class="logs" ref={box}>
        <div class="bar">
          <input
            type="search"
            placeholder={t("logs.filter")}
            aria-label={t("logs.filter")}
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
          <select
            aria-label={t("logs.level")}
            value={level.value}
            onChange={(event) => (level.value = event.currentTarget.value)}
          >
            {LEVELS.map((it) => (
              <option key={it}>{it}</option>
            ))}
          </select>
          <button
            type="button"
            aria-pressed={follows.value}
            onClick={() => (follows.value = !follows.value)}
          >
            {follows.value ? <i class="pulse" /> : null}
            {follows.value ? t("logs.follow") : t("logs.paused")}
          </button>
          <span class="muted">{t("logs.lines", { n: count(shown.length) })}</span>
        </div>
        {error.value && <p class="error-text">{error.value}</p>}
        {shown.length === 0 ? (
          <p class="muted">{t("logs.none")}</p>
        ) : (
          <VirtualList
            rows={shown}
            id={`${level.value}/${wanted}`}
            label={t("logs.title")}
            guessPx={26}
            render={(it) => <Line line={it} />}
          />
        )}
      </div>
    </Page>
  );
}

function Line({ line }: { line: LogLine }) {
  return (
    <div class="log-line" data-level={line.level}>
      <time>{line.time}</time>
      <b>{line.level}</b>
      <span>
        <i>{line.subsystem}</i> {showDirection(line.message)}{" "}
        <small>{showDirection(line.rest)}</small>
      </span>
    </div>
  );
}
