// What the models were asked and what it cost: by day, model and conversation.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { count, money } from "../kit/format";
import { Await, Empty, Page, useCall } from "../kit/load";
import { href } from "../state/route";
import { nameOf, sessions } from "../state/sessions";
import { language } from "../state/settings";
import "../styles/page.css";
import "../styles/usage.css";

interface Totals {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  totalTokens: number;
  totalCost: number;
  missingCostEntries: number;
}

interface Cost {
  daily: (Totals & { date: string })[];
  totals: Totals;
}

interface Report {
  sessions: { key: string; label?: string; model?: string; usage: Totals | null }[];
  aggregates: {
    byModel: { provider?: string; model?: string; count: number; totals: Totals }[];
    messages?: { total: number };
    tools?: { totalCalls: number };
  };
}

const SPANS = [7, 30, 90];
const SHOWN = 20;

export default function Usage() {
  const days = useSignal(30);
  const cost = useCall<Cost>("usage.cost", { days: days.value });
  const from = new Date(Date.now() - (days.value - 1) * 86_400_000).toISOString().slice(0, 10);
  const to = new Date().toISOString().slice(0, 10);
  const report = useCall<Report>("sessions.usage", { startDate: from, endDate: to, limit: 500 });
  return (
    <Page
      title={t("usage.title")}
      actions={
        <fieldset class="span-choice">
          <legend class="sr">{t("usage.span")}</legend>
          {SPANS.map((it) => (
            <button
              key={it}
              type="button"
              aria-pressed={days.value === it}
              onClick={() => (days.value = it)}
            >
              {t("usage.days", { n: it })}
            </button>
          ))}
        </fieldset>
      }
    >
      <Await of={cost}>
        {(it) =>
          it.totals.totalTokens === 0 ? (
            <Empty icon="usage" title={t("usage.none")} text={t("usage.none.text")} />
          ) : (
            <>
              <div class="tiles">
                <Tile name={t("usage.cost")} value={money(it.totals.totalCost)} />
                <Tile name={t("sessions.tokens")} value={count(it.totals.totalTokens)} />
                <Tile name={t("usage.input")} value={count(it.totals.input)} />
                <Tile name={t("usage.output")} value={count(it.totals.output)} />
                <Tile
                  name={t("usage.cached")}
                  value={count(it.totals.cacheRead + it.totals.cacheWrite)}
                />
              </div>
              <Days daily={it.daily} />
              {it.totals.missingCostEntries > 0 && (
                <p class="muted">{t("usage.missing", { n: it.totals.missingCostEntries })}</p>
              )}
            </>
          )
        }
      </Await>
      {cost.value && cost.value.totals.totalTokens > 0 && (
        <Await of={report}>{(it) => <Shares report={it} />}</Await>
      )}
    </Page>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <small>{name}</small>
      <strong>{value}</strong>
    </div>
  );
}

/** One bar a day: by cost where there is one, else by tokens. */
function Days({ daily }: { daily: Cost["daily"] }) {
  const hasCost = daily.some((day) => day.totalCost > 0);
  const size = (day: Totals) => (hasCost ? day.totalCost : day.totalTokens);
  const most = Math.max(...daily.map(size), Number.MIN_VALUE);
  const looked = useSignal<string>("");
  const shown = daily.find((day) => day.date === looked.value);
  const told = (day: Cost["daily"][number]) =>
    `${named(day.date)}: ${money(day.totalCost)}, ${count(day.totalTokens)} ${t("usage.tokens")}`;
  return (
    <section class="section">
      <h2>{t(hasCost ? "usage.byDay.cost" : "usage.byDay.tokens")}</h2>
      <ol class="days card" onMouseLeave={() => (looked.value = "")}>
        {daily.map((day) => (
          <li key={day.date} onMouseEnter={() => (looked.value = day.date)}>
            <i style={{ height: `${(size(day) / most) * 100}%` }} data-empty={size(day) === 0} />
            <span class="sr">{told(day)}</span>
          </li>
        ))}
      </ol>
      <p class="days-ends muted" aria-hidden="true">
        <span>{named(daily[0]?.date ?? "")}</span>
        <b>{shown ? told(shown) : t("usage.most", { n: hasCost ? money(most) : count(most) })}</b>
        <span>{named(daily.at(-1)?.date ?? "")}</span>
      </p>
    </section>
  );
}

function named(date: string): string {
  if (!date) return "";
  const format = new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en", {
    month: "short",
    day: "numeric",
    timeZone: "UTC",
  });
  return format.format(new Date(`${date}T00:00:00Z`));
}

function Shares({ report }: { report: Report }) {
  const models = report.aggregates.byModel.map((it) => ({
    name: it.model ?? t("ui.unknown"),
    note: it.provider ?? "",
    totals: it.totals,
  }));
  const talks = report.sessions
    .filter((it) => it.usage && it.usage.totalTokens > 0)
    .map((it) => {
      const known = sessions.value.find((row) => row.key === it.key);
      const name = it.label ?? (known ? nameOf(known) : it.key);
      return {
        name,
        note: it.key,
        totals: it.usage as Totals,
        to: href("chat", { session: it.key }),
      };
    });
  return (
    <>
      <Share title={t("usage.byModel")} rows={models} />
      <Share title={t("usage.bySession")} rows={talks} />
    </>
  );
}

interface ShareRow {
  name: string;
  note: string;
  totals: Totals;
  to?: string;
}

function Share({ title, rows }: { title: string; rows: ShareRow[] }) {
  const sorted = [...rows].sort(
    (a, b) =>
      b.totals.totalCost - a.totals.totalCost || b.totals.totalTokens - a.totals.totalTokens,
  );
  const most = Math.max(1, ...sorted.map((it) => it.totals.totalTokens));
  return (
    <section class="section">
      <h2>{title}</h2>
      <ul class="list">
        {sorted.slice(0, SHOWN).map((it) => (
          <li key={it.note + it.name}>
            <span class="what">
              {it.to ? (
                <a href={it.to}>
                  <b dir="auto">{it.name}</b>
                </a>
              ) : (
                <b>{it.name}</b>
              )}
              <small>{it.note}</small>
            </span>
            <span class="figures">
              <span>
                {count(it.totals.totalTokens)}
                <span class="load-bar" aria-hidden="true">
                  <i style={{ width: `${(it.totals.totalTokens / most) * 100}%` }} />
                </span>
              </span>
              <span>{money(it.totals.totalCost)}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
