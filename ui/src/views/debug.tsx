// Calls any method by hand, and shows events as they come.

import { signal, useSignal } from "@preact/signals";
import type { EventFrame } from "../gateway/frames";
import { t } from "../i18n";
import { CopyButton } from "../kit/copy";
import { duration } from "../kit/format";
import { Page } from "../kit/load";
import { client, hello } from "../state/gateway";
import { go, place } from "../state/route";
import "../styles/page.css";

const EVENTS_MAX = 200;

interface Seen {
  id: number;
  at: string;
  name: string;
  text: string;
}

const seen = signal<Seen[]>([]);
let next = 0;

// Listens from the first look on, whatever is shown later.
client.on<EventFrame>("*", (frame) => {
  const at = new Date().toISOString().slice(11, 23);
  const text = JSON.stringify(frame.payload ?? null);
  const event = { id: next++, at, name: frame.event, text: text.slice(0, 2_000) };
  seen.value = [event, ...seen.value].slice(0, EVENTS_MAX);
});

export default function Debug() {
  const method = useSignal(place.value.params.method ?? "status");
  const params = useSignal("{}");
  const answer = useSignal("");
  const took = useSignal(0);
  const isBad = useSignal(false);
  const isBusy = useSignal(false);
  const run = async (event: Event) => {
    event.preventDefault();
    go("debug", { method: method.value }, "replace");
    const began = performance.now();
    isBusy.value = true;
    try {
      const given = JSON.parse(params.value || "{}");
      const result = await client.call(method.value.trim(), given);
      answer.value = JSON.stringify(result, null, 2);
      isBad.value = false;
    } catch (error) {
      const { message, code, details } = error as Error & { code?: string; details?: object };
      answer.value = JSON.stringify({ code, message, details }, null, 2);
      isBad.value = true;
    } finally {
      took.value = performance.now() - began;
      isBusy.value = false;
    }
  };
  return (
    <Page title={t("debug.title")} lead={t("debug.lead")}>
      <form class="form card" onSubmit={(event) => void run(event)}>
        <label>
          <span>{t("debug.method")}</span>
          <input
            list="methods"
            spellcheck={false}
            autocomplete="off"
            class="mono"
            value={method.value}
            onInput={(event) => (method.value = event.currentTarget.value)}
          />
          <datalist id="methods">
            {hello.value?.features.methods.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
        <label>
          <span>{t("debug.params")}</span>
          <textarea
            class="mono"
            rows={4}
            spellcheck={false}
            value={params.value}
            onInput={(event) => (params.value = event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="submit" class="primary" disabled={isBusy.value}>
            {t("debug.call")}
          </button>
        </div>
      </form>
      {answer.value && (
        <section class="section">
          <header class="bar">
            <h2 class="grow">{t("debug.answer")}</h2>
            <span class="muted">{duration(took.value)}</span>
            <CopyButton text={answer.value} />
          </header>
          <pre class={isBad.value ? "output error-text" : "output"} tabIndex={0} aria-live="polite">
            {answer.value.slice(0, 500_000)}
          </pre>
        </section>
      )}
      <section class="section">
        <h2>{t("debug.events")}</h2>
        {seen.value.length === 0 && <p class="muted">{t("debug.events.none")}</p>}
        <ul class="list">
          {seen.value.map((it) => (
            <li key={it.id}>
              <code class="muted">{it.at}</code>
              <details class="what">
                <summary>{it.name}</summary>
                <pre class="output">{it.text}</pre>
              </details>
            </li>
          ))}
        </ul>
      </section>
      <details class="section">
        <summary>{t("debug.snapshot")}</summary>
        <pre class="output" tabIndex={0}>
          {JSON.stringify(hello.value, null, 2)}
        </pre>
      </details>
    </Page>
  );
}
