// All conversations: find one, set it up, delete it.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { t } from "../i18n";
import { ask, Dialog } from "../kit/dialog";
import { ago, count, money } from "../kit/format";
import { Icon } from "../kit/icons";
import { Await, Empty, Page, useCall } from "../kit/load";
import { say, trying } from "../kit/toast";
import { client, methods } from "../state/gateway";
import { href } from "../state/route";
import { loadSessions, models, nameOf, type SessionList, type SessionRow } from "../state/sessions";
import "../styles/page.css";

const LIMIT = 500;
const ASK_MS = 250;

interface Usage {
  sessions: { key: string; usage?: { totalCost?: number } | null }[];
}

export default function Sessions() {
  const typed = useSignal("");
  const timer = useRef(0);
  const edited = useSignal<SessionRow | null>(null);
  const asked = useSignal("");
  const list = useCall<SessionList>(
    "sessions.list",
    {
      limit: LIMIT,
      includeGlobal: true,
      includeUnknown: true,
      includeDerivedTitles: true,
      ...(asked.value && { search: asked.value }),
    },
    20_000,
  );
  const hasCost = methods.value.has("sessions.usage");
  const usage = useCall<Usage>(hasCost ? "sessions.usage" : "sessions.list", { limit: LIMIT });
  const costs = new Map(
    (hasCost ? (usage.value?.sessions ?? []) : []).map((it) => [it.key, it.usage?.totalCost ?? 0]),
  );
  /** Where there are more than were loaded, the gateway looks through them all. */
  const look = (text: string) => {
    typed.value = text;
    clearTimeout(timer.current);
    if (!list.value?.hasMore && !asked.value) return;
    timer.current = setTimeout(() => (asked.value = text.trim()), ASK_MS) as never;
  };
  const wanted = typed.value.trim().toLowerCase();
  const finds = (row: SessionRow) =>
    `${nameOf(row)} ${row.key} ${row.model}`.toLowerCase().includes(wanted);

  const remove = async (row: SessionRow) => {
    if (!(await ask(t("sessions.delete.ask"), t("ui.delete")))) return;
    const done = await trying(client.call("sessions.delete", { key: row.key }));
    if (done === undefined) return;
    say(t("sessions.deleted"));
    await Promise.all([list.reload(), loadSessions()]);
  };

  return (
    <Page
      title={t("sessions.title")}
      lead={list.value ? t("sessions.count", { n: count(list.value.totalCount) }) : undefined}
    >
      <Await of={list}>
        {({ sessions }) =>
          sessions.length === 0 && !asked.value ? (
            <Empty icon="sessions" title={t("sessions.none")} text={t("sessions.none.text")}>
              <a class="button primary" href={href("chat")}>
                {t("ui.home")}
              </a>
            </Empty>
          ) : (
            <>
              <div class="bar">
                <input
                  type="search"
                  placeholder={t("sessions.search")}
                  aria-label={t("sessions.search")}
                  value={typed.value}
                  onInput={(event) => look(event.currentTarget.value)}
                />
              </div>
              <ul class="list">
                {sessions.filter(finds).map((row) => (
                  <Item
                    key={row.key}
                    row={row}
                    cost={costs.get(row.key) ?? 0}
                    edit={() => (edited.value = row)}
                    remove={() => void remove(row)}
                  />
                ))}
                {!sessions.some(finds) && <li class="muted">{t("ui.noMatch")}</li>}
              </ul>
            </>
          )
        }
      </Await>
      {edited.value && (
        <Edit row={edited.value} close={() => (edited.value = null)} changed={list.reload} />
      )}
    </Page>
  );
}

interface ItemProps {
  row: SessionRow;
  cost: number;
  edit(): void;
  remove(): void;
}

function Item({ row, cost, edit, remove }: ItemProps) {
  const name = nameOf(row);
  const used = row.totalTokens ?? 0;
  return (
    <li>
      <a class="what" href={href("chat", { session: row.key })}>
        <b dir="auto">{name}</b>
        <small>{row.key}</small>
      </a>
      {row.hasActiveRun && <span class="tag">{t("sessions.running")}</span>}
      <span class="figures">
        <span title={t("sessions.model")}>{row.model}</span>
        <span title={t("sessions.tokens")}>{t("sessions.tokens.n", { n: count(used) })}</span>
        {cost > 0 && <span title={t("usage.cost")}>{money(cost)}</span>}
        <span title={t("sessions.updated")}>{ago(row.updatedAt)}</span>
      </span>
      <span class="buttons">
        {methods.value.has("sessions.patch") && (
          <button
            type="button"
            class="quiet"
            onClick={edit}
            aria-label={t("sessions.edit", { name })}
          >
            <Icon name="edit" />
          </button>
        )}
        {methods.value.has("sessions.delete") && !row.isMain && (
          <button
            type="button"
            class="quiet"
            onClick={remove}
            aria-label={t("sessions.delete", { name })}
          >
            <Icon name="trash" />
          </button>
        )}
      </span>
    </li>
  );
}

const LEVELS = {
  verboseLevel: ["off", "on", "full"],
  reasoningLevel: ["off", "on", "stream"],
} as const;

interface EditProps {
  row: SessionRow;
  close(): void;
  changed(): Promise<void>;
}

function Edit({ row, close, changed }: EditProps) {
  const label = useSignal(row.label ?? "");
  const model = useSignal(`${row.modelProvider}/${row.model}`);
  const thinking = useSignal(row.thinkingLevel ?? "off");
  const verbose = useSignal(row.verboseLevel ?? "");
  const reasoning = useSignal(row.reasoningLevel ?? "");
  const known = models.value.find((it) => `${it.provider}/${it.id}` === model.value);
  const save = async (event: Event) => {
    event.preventDefault();
    const params: Record<string, string | null> = { key: row.key };
    if (label.value !== (row.label ?? "")) params.label = label.value.trim() || null;
    if (model.value !== `${row.modelProvider}/${row.model}`) params.model = model.value;
    if (thinking.value !== (row.thinkingLevel ?? "off")) params.thinkingLevel = thinking.value;
    if (verbose.value !== (row.verboseLevel ?? "")) params.verboseLevel = verbose.value || null;
    if (reasoning.value !== (row.reasoningLevel ?? ""))
      params.reasoningLevel = reasoning.value || null;
    if ((await trying(client.call("sessions.patch", params))) === undefined) return;
    say(t("ui.saved"));
    close();
    await Promise.all([changed(), loadSessions()]);
  };
  const names = new Set([model.value, ...models.value.map((it) => `${it.provider}/${it.id}`)]);
  return (
    <Dialog title={t("sessions.edit", { name: nameOf(row) })} onClose={close}>
      <h2 dir="auto">{t("sessions.edit", { name: nameOf(row) })}</h2>
      <form class="form" onSubmit={(event) => void save(event)}>
        <label>
          <span>{t("sessions.label")}</span>
          <input
            value={label.value}
            maxLength={64}
            onInput={(event) => (label.value = event.currentTarget.value)}
          />
        </label>
        <label>
          <span>{t("sessions.model")}</span>
          <select
            value={model.value}
            onChange={(event) => (model.value = event.currentTarget.value)}
          >
            {[...names].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <Choice
          name={t("sessions.thinking")}
          of={thinking}
          choices={(known?.thinkingLevels ?? [{ id: "off" }]).map((it) => it.id)}
        />
        <Choice name={t("sessions.verbose")} of={verbose} choices={["", ...LEVELS.verboseLevel]} />
        <Choice
          name={t("sessions.reasoning")}
          of={reasoning}
          choices={["", ...LEVELS.reasoningLevel]}
        />
        <div class="buttons">
          <button type="button" onClick={close}>
            {t("ui.cancel")}
          </button>
          <button type="submit" class="primary">
            {t("ui.save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface ChoiceProps {
  name: string;
  of: { value: string };
  choices: readonly string[];
}

function Choice({ name, of, choices }: ChoiceProps) {
  return (
    <label>
      <span>{name}</span>
      <select value={of.value} onChange={(event) => (of.value = event.currentTarget.value)}>
        {choices.map((it) => (
          <option key={it} value={it}>
            {it || t("ui.default")}
          </option>
        ))}
      </select>
    </label>
  );
}
