// The setup wizard in the page: the same questions as `openclaw onboard`, one after the other.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { CallError } from "../gateway/frames";
import { t } from "../i18n";
import { Icon } from "../kit/icons";
import { Empty, Page, reloadSoon, Skeleton } from "../kit/load";
import { client, epoch, isOpen } from "../state/gateway";
import { href } from "../state/route";
import { loadModels } from "../state/sessions";
import { language } from "../state/settings";
import "../styles/page.css";

interface Option {
  value: unknown;
  label: string;
  hint?: string;
}

interface Step {
  id: string;
  type: "note" | "select" | "text" | "confirm" | "multiselect" | "progress" | "action";
  title?: string;
  message?: string;
  options?: Option[];
  initialValue?: unknown;
  placeholder?: string;
  sensitive?: boolean;
}

interface Progress {
  done: boolean;
  step?: Step;
  status?: string;
  error?: string;
}

const KEY = "openclaw.wizard";

export default function Setup() {
  const session = useSignal("");
  const now = useSignal<Progress | null>(null);
  const error = useSignal("");
  const isBusy = useSignal(false);

  /** A session that was left open elsewhere. */
  const other = useSignal("");

  const attempt = async (work: () => Promise<Progress>) => {
    isBusy.value = true;
    try {
      now.value = await work();
      if (now.value.done) {
        sessionStorage.removeItem(KEY);
        void reloadSoon(loadModels);
      }
      error.value = now.value.error ?? "";
      other.value = "";
    } catch (cause) {
      const { message, details } = cause as CallError;
      other.value = details?.code === "WIZARD_RUNNING" ? String(details.sessionId) : "";
      error.value = other.value ? "" : message;
    } finally {
      isBusy.value = false;
    }
  };
  const begin = () =>
    attempt(async () => {
      // One that was begun before goes on.
      const before = sessionStorage.getItem(KEY);
      if (before) {
        session.value = before;
        const known = await client
          .call<Progress>("wizard.next", { sessionId: before })
          .catch(() => null);
        if (known && !known.done) return known;
        sessionStorage.removeItem(KEY);
        // What was answered last has ended it, and the gateway began anew with what was set up.
        if (known || now.peek()?.step) return known ?? { done: true, status: "done" };
      }
      const started = await client.call<Progress & { sessionId: string }>("wizard.start", {
        locale: language.value,
      });
      session.value = started.sessionId;
      sessionStorage.setItem(KEY, started.sessionId);
      return started;
    });
  const answer = (value: unknown) =>
    attempt(() => {
      const stepId = now.value?.step?.id;
      return client.call<Progress>(
        "wizard.next",
        { sessionId: session.value, answer: { stepId, value } },
        180_000,
      );
    });
  const cancel = async () => {
    await client.call("wizard.cancel", { sessionId: session.value }).catch(() => null);
    sessionStorage.removeItem(KEY);
    now.value = null;
    session.value = "";
  };
  const takeOver = async () => {
    await client.call("wizard.cancel", { sessionId: other.value }).catch(() => null);
    await begin();
  };
  const at = isOpen.value ? epoch.value : 0;
  useEffect(() => {
    if (at > 0 && !now.peek()?.done) void begin();
  }, [at]);

  const state = now.value;
  return (
    <Page title={t("setup.title")} lead={t("setup.lead")}>
      {error.value && (
        <p class="error-text" role="alert">
          {error.value}
        </p>
      )}
      {other.value && (
        <Empty icon="wizard" title={t("setup.elsewhere")} text={t("setup.elsewhere.text")}>
          <button type="button" class="primary" onClick={() => void takeOver()}>
            {t("setup.takeOver")}
          </button>
        </Empty>
      )}
      {state === null && !error.value && !other.value && <Skeleton />}
      {state === null && error.value && (
        <div class="buttons">
          <button type="button" onClick={() => void begin()}>
            {t("ui.retry")}
          </button>
        </div>
      )}
      {state?.step && (
        <Question
          key={state.step.id}
          step={state.step}
          isBusy={isBusy.value}
          answer={(value) => void answer(value)}
          cancel={() => void cancel().then(begin)}
        />
      )}
      {state?.done && (
        <div class="card section">
          <p class={state.status === "error" ? "verdict bad" : "verdict good"}>
            <Icon name={state.status === "error" ? "warn" : "check"} />
            {t(state.status === "done" ? "setup.done" : "setup.ended")}
          </p>
          <div class="buttons">
            <a class="button primary" href={href("chat")}>
              {t("nav.chat")}
            </a>
            <button type="button" onClick={() => void cancel().then(begin)}>
              {t("setup.again")}
            </button>
          </div>
        </div>
      )}
    </Page>
  );
}

interface QuestionProps {
  step: Step;
  isBusy: boolean;
  answer(value: unknown): void;
  cancel(): void;
}

function Question({ step, isBusy, answer, cancel }: QuestionProps) {
  const typed = useSignal(typeof step.initialValue === "string" ? step.initialValue : "");
  const first = step.options?.find((it) => it.value === step.initialValue) ?? step.options?.[0];
  const chosen = useSignal<unknown>(first?.value ?? null);
  const many = useSignal<unknown[]>(Array.isArray(step.initialValue) ? step.initialValue : []);
  const submit = (event: Event) => {
    event.preventDefault();
    if (step.type === "select") answer(chosen.value);
    else if (step.type === "multiselect") answer(many.value);
    else if (step.type === "text") answer(typed.value);
    else answer(true);
  };
  const isMany = step.type === "multiselect";
  return (
    <form class="card section" onSubmit={submit}>
      {step.title && <h2>{step.title}</h2>}
      {step.message && <p class="muted said">{step.message}</p>}
      {step.type === "text" && (
        <input
          type={(step.sensitive ? "password" : "text") as "text"}
          autocomplete="off"
          spellcheck={false}
          aria-label={step.title ?? step.message ?? step.id}
          placeholder={step.placeholder}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
          autofocus
        />
      )}
      {step.options && (
        <fieldset class="options" data-many={step.options.length > 8}>
          <legend class="sr">{step.title}</legend>
          {step.options.map((it) => (
            <label key={JSON.stringify(it.value)}>
              <input
                type={(isMany ? "checkbox" : "radio") as "radio"}
                name={step.id}
                checked={isMany ? many.value.includes(it.value) : chosen.value === it.value}
                onChange={() => {
                  if (!isMany) chosen.value = it.value;
                  else if (many.value.includes(it.value)) {
                    many.value = many.value.filter((other) => other !== it.value);
                  } else many.value = [...many.value, it.value];
                }}
              />
              <span>
                {it.label}
                {it.hint && <small class="muted"> {it.hint}</small>}
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <div class="buttons">
        {step.type === "confirm" ? (
          <>
            <button type="submit" class="primary" disabled={isBusy}>
              {t("ui.yes")}
            </button>
            <button type="button" disabled={isBusy} onClick={() => answer(false)}>
              {t("ui.no")}
            </button>
          </>
        ) : (
          <button type="submit" class="primary" disabled={isBusy}>
            {t("setup.next")}
          </button>
        )}
        <button type="button" class="quiet" onClick={cancel}>
          {t("setup.again")}
        </button>
      </div>
    </form>
  );
}
