// The configuration: a form and the text of the file beside each other. Both edit the same text.

import { signal, useComputed, useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { changedCount, diff } from "../config/diff";
import { type Editing, Fields, matches } from "../config/form";
import { find, jsonOf, parse, remove, SyntaxProblem, set, swap } from "../config/json5";
import { controlOf, type Hint, humane, type Schema } from "../config/schema";
import type { CallError } from "../gateway/frames";
import { type Key, t } from "../i18n";
import { Dialog } from "../kit/dialog";
import { Await, Page, useCall } from "../kit/load";
import { say } from "../kit/toast";
import { client, methods } from "../state/gateway";
import { go, place } from "../state/route";
import "../styles/page.css";
import "../styles/config.css";
import "../styles/config-form.css";

interface Issue {
  path: string;
  message: string;
  line?: number;
  hint?: string;
}

interface Config {
  path: string;
  exists: boolean;
  raw: string | null;
  valid: boolean;
  hash: string;
  issues: Issue[];
  warnings: Issue[];
}

interface Described {
  schema: Schema;
  uiHints: Record<string, Hint>;
}

interface Applied {
  restart?: { mode: string; reason?: string };
}

const EMPTY = "{\n}\n";
const NOTES = ["meta", "wizard"];
/** How often is asked whether somebody else has saved. */
const LOOK_MS = 5_000;

/** What is typed outlives a look at another view. */
const text = signal<string | null>(null);
const base = signal<{ raw: string; hash: string } | null>(null);

export default function View() {
  const config = useCall<Config>("config.get", {}, LOOK_MS);
  const described = useCall<Described>("config.schema");
  return (
    <Page wide title={t("config.title")} lead={config.value?.path}>
      <Await of={described}>
        {(it) => (
          <Await of={config}>
            {(now) => <Editor described={it} now={now} reload={config.reload} />}
          </Await>
        )}
      </Await>
    </Page>
  );
}

interface EditorProps {
  described: Described;
  now: Config;
  reload(): Promise<void>;
}

function Editor({ described, now, reload }: EditorProps) {
  const wanted = useSignal("");
  const issues = useSignal<Issue[]>(now.issues);
  const isReviewing = useSignal(false);
  const hasConflict = useSignal(false);
  const mode = useSignal<"form" | "raw">("form");

  const take = (fresh: Config) => {
    text.value = fresh.raw ?? EMPTY;
    base.value = { raw: fresh.raw ?? EMPTY, hash: fresh.hash };
    issues.value = fresh.issues;
    hasConflict.value = false;
  };
  // Before the first look, so that the text is there at once.
  useMemo(() => {
    if (text.peek() === null || text.peek() === base.peek()?.raw) take(now);
    else if (base.peek()?.hash !== now.hash) hasConflict.value = true;
  }, [now.hash]);

  const read = useComputed(() => {
    try {
      return { root: parse(text.value ?? EMPTY), problem: null };
    } catch (error) {
      return { root: null, problem: error as SyntaxProblem };
    }
  });
  const changes = useComputed(() => diff(base.value?.raw ?? "", text.value ?? ""));
  const count = text.value === base.value?.raw ? 0 : changedCount(changes.value);
  const edit = (change: (raw: string) => string) => {
    text.value = change(text.value ?? EMPTY);
    issues.value = [];
  };
  const editing: Editing = {
    hints: described.uiHints,
    problems: new Map(issues.value.map((it) => [it.path, it.message])),
    set: (path, value) => edit((raw) => set(raw, path, value)),
    remove: (path) => edit((raw) => remove(raw, path)),
    swap: (path, one, other) => edit((raw) => swap(raw, path, one, other)),
    wanted: wanted.value.trim().toLowerCase(),
  };

  const save = async () => {
    try {
      const method = methods.value.has("config.apply") ? "config.apply" : "config.set";
      const params = { raw: text.value ?? "", baseHash: base.value?.hash || undefined };
      const done = await client.call<Applied>(method, params);
      isReviewing.value = false;
      say(t("config.applied", { reason: outcome(done) }));
      take(await client.call<Config>("config.get"));
      await reload();
    } catch (cause) {
      const error = cause as CallError;
      isReviewing.value = false;
      const found = error.details?.issues as Issue[] | undefined;
      if (found) issues.value = found;
      else if (/changed since/.test(error.message)) hasConflict.value = true;
      else issues.value = [{ path: "", message: error.message }];
    }
  };
  const discard = () => {
    text.value = base.value?.raw ?? EMPTY;
    issues.value = [];
  };
  const takeNew = async () => take(await client.call<Config>("config.get"));
  /** What was typed stays; what it changes is told against the new text. */
  const keepOwn = async () => {
    const fresh = await client.call<Config>("config.get");
    base.value = { raw: fresh.raw ?? EMPTY, hash: fresh.hash };
    hasConflict.value = false;
    isReviewing.value = true;
  };

  const area = useRef<HTMLTextAreaElement>(null);
  /** Brings the lines of a setting into view when it is looked at in the form. */
  const follow = (event: FocusEvent) => {
    const field = (event.target as Element).closest<HTMLElement>("[data-path]");
    const it = area.current;
    if (!field || !it || !read.value.root) return;
    const node = find(read.value.root, JSON.parse(field.dataset.path ?? "[]"));
    if (!node) return;
    const line = it.value.slice(0, node.start).split("\n").length - 1;
    const height = Number.parseFloat(getComputedStyle(it).lineHeight);
    it.scrollTop = Math.max(0, line * height - it.clientHeight / 3);
  };

  const isForm = mode.value === "form";
  return (
    <div class="config" data-mode={mode.value}>
      <div class="bar config-bar">
        <input
          type="search"
          placeholder={t("config.search")}
          aria-label={t("config.search")}
          value={wanted.value}
          onInput={(event) => (wanted.value = event.currentTarget.value)}
        />
        <span class="muted grow one-line" role="status">
          {count > 0 ? t("config.unsaved", { n: count }) : t("config.clean")}
        </span>
        <button
          type="button"
          class="mode-tab"
          onClick={() => (mode.value = isForm ? "raw" : "form")}
        >
          {t(isForm ? "config.raw" : "config.form")}
        </button>
        <button type="button" disabled={count === 0} onClick={discard}>
          {t("config.discard")}
        </button>
        <button
          type="button"
          class="primary"
          disabled={count === 0 || read.value.root === null}
          onClick={() => (isReviewing.value = true)}
        >
          {t("config.review")}
        </button>
      </div>
      <div class="config-news section">
        {hasConflict.value && (
          <div class="card section warned" role="alert">
            <b>{t("config.conflict")}</b>
            <p>{t("config.conflict.text")}</p>
            <div class="buttons">
              <button type="button" class="primary" onClick={() => void takeNew()}>
                {t("config.conflict.load")}
              </button>
              <button type="button" disabled={!read.value.root} onClick={() => void keepOwn()}>
                {t("config.conflict.keep")}
              </button>
            </div>
          </div>
        )}
        <Problems issues={issues.value} syntax={read.value.problem} />
      </div>
      <Sections
        described={described}
        editing={editing}
        value={read.value.root ? jsonOf(read.value.root) : {}}
      />
      <div class="config-form" onFocusIn={follow}>
        {read.value.root ? (
          <Section described={described} value={jsonOf(read.value.root)} editing={editing} />
        ) : (
          <p class="error-text">{t("config.parse", { text: whereOf(read.value.problem) })}</p>
        )}
      </div>
      <div class="config-raw">
        <textarea
          ref={area}
          class="editor"
          spellcheck={false}
          aria-label={t("config.raw")}
          value={text.value ?? ""}
          onInput={(event) => edit(() => event.currentTarget.value)}
        />
      </div>
      {isReviewing.value && (
        <Dialog
          title={t("config.review.title")}
          onClose={() => (isReviewing.value = false)}
          class="review"
        >
          <h2>{t("config.review.title")}</h2>
          <pre class="diff" tabIndex={0}>
            {changes.value.map((line, n) => (
              <div key={n} class={line.kind}>
                {line.kind === "add" ? "+ " : line.kind === "del" ? "- " : "  "}
                {line.text}
              </div>
            ))}
          </pre>
          <div class="buttons">
            <button type="button" onClick={() => (isReviewing.value = false)}>
              {t("ui.cancel")}
            </button>
            <button type="button" class="primary" onClick={() => void save()}>
              {t("config.apply")}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function outcome(done: Applied): string {
  const mode = done.restart?.mode;
  if (mode === "emit") return t("config.applied.emit");
  return mode === "manual" ? t("config.applied.manual") : t("config.applied.none");
}

function whereOf(problem: SyntaxProblem | null): string {
  if (!(problem instanceof SyntaxProblem)) return "";
  return `${t("config.line", { n: problem.line })}: ${problem.message}`;
}

/** What is set comes first, then what there is besides; what programs note comes last. */
function sectionNames({ schema, uiHints }: Described, value: unknown): string[] {
  const whole = (value ?? {}) as Record<string, unknown>;
  const rank = (name: string) => {
    if (NOTES.includes(name)) return 2;
    return whole[name] === undefined ? 1 : 0;
  };
  const order = (name: string) => rank(name) * 10_000 + (uiHints[name]?.order ?? 500);
  return Object.keys(schema.properties ?? {}).sort((a, b) => order(a) - order(b));
}

/** The name of a section in the language of the page, where it has one. */
function sectionLabel(described: Described, name: string): string {
  const key = `section.${name}`;
  const said = t(key as Key);
  return said === key ? (described.uiHints[name]?.label ?? humane(name)) : said;
}

function chosenSection(described: Described): string {
  const named = place.value.params.section ?? "";
  return described.schema.properties?.[named] ? named : "agents";
}

function Sections({ described, value, editing }: SectionProps) {
  const chosen = chosenSection(described);
  return (
    <nav class="config-sections" aria-label={t("config.sections")}>
      {sectionNames(described, value)
        .filter((name) => {
          const inner = described.schema.properties?.[name];
          return inner && (!editing.wanted || matches(inner, name, editing));
        })
        .map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === chosen && !editing.wanted}
            onClick={() => go("config", { section: name }, "replace")}
          >
            {sectionLabel(described, name)}
          </button>
        ))}
    </nav>
  );
}

interface SectionProps {
  described: Described;
  value: unknown;
  editing: Editing;
}

function Section({ described, value, editing }: SectionProps) {
  const whole = (value ?? {}) as Record<string, unknown>;
  const names = editing.wanted
    ? sectionNames(described, value).filter((name) => {
        const inner = described.schema.properties?.[name];
        return inner && matches(inner, name, editing);
      })
    : [chosenSection(described)];
  if (names.length === 0) return <p class="muted">{t("ui.noMatch")}</p>;
  return (
    <>
      {names.map((name) => {
        const schema = described.schema.properties?.[name];
        if (!schema) return null;
        return (
          <section key={name}>
            <h2>{sectionLabel(described, name)}</h2>
            {controlOf(schema) === "group" ? (
              <Fields
                schema={schema}
                value={whole[name]}
                path={[name]}
                hint={name}
                editing={editing}
              />
            ) : (
              <Fields
                schema={{ type: "object", properties: { [name]: schema } }}
                value={whole}
                path={[]}
                hint=""
                editing={editing}
              />
            )}
          </section>
        );
      })}
    </>
  );
}

function Problems({ issues, syntax }: { issues: Issue[]; syntax: SyntaxProblem | null }) {
  if (issues.length === 0 && !syntax) return null;
  return (
    <ul class="problems" role="alert">
      {syntax && <li>{whereOf(syntax)}</li>}
      {issues.map((it) => (
        <li key={`${it.path}${it.message}`}>
          {it.path && <code>{it.path}</code>} {it.message}
          {it.line ? ` (${t("config.line", { n: it.line })})` : ""}
          {it.hint ? ` ${it.hint}` : ""}
        </li>
      ))}
    </ul>
  );
}
