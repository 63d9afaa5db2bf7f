// The models that agents may use, the keys for them, and how both fared.

import { useSignal } from "@preact/signals";
import { type Key, t } from "../i18n";
import { ago, count, duration } from "../kit/format";
import { Icon } from "../kit/icons";
import { Await, Empty, Page, useCall } from "../kit/load";
import { methods } from "../state/gateway";
import { href } from "../state/route";
import { loadModels, type ModelRow } from "../state/sessions";
import { AddKey, type Wanted } from "./models-key";
import "../styles/page.css";

interface Fared {
  profileId?: string;
  model?: string;
  workedAt?: number;
  cooldownUntil?: number;
  reason?: string;
}

interface Provider {
  provider: string;
  displayName?: string;
  status?: string;
  apiKey?: { source: string };
  standings?: Fared[];
}

const EVERY_MS = 10_000;
const SOURCES = ["config", "env", "profile"];
const REASONS = ["auth", "billing", "rate_limit", "timeout", "format", "unknown"];

export default function Models() {
  const list = useCall<{ models: ModelRow[] }>("models.list", {}, 30_000);
  const hasStatus = methods.value.has("models.authStatus");
  const status = useCall<{ providers: Provider[] }>(
    hasStatus ? "models.authStatus" : "models.list",
    {},
    EVERY_MS,
  );
  const wanted = useSignal<Wanted | null>(null);
  const canSet = methods.value.has("config.patch");
  const known = hasStatus ? (status.value?.providers ?? []) : [];
  const refresh = async () => {
    await Promise.all([list.reload(), status.reload(), loadModels()]);
  };
  return (
    <Page
      title={t("models.title")}
      lead={t("models.lead")}
      actions={
        canSet && (
          <button type="button" class="primary" onClick={() => (wanted.value = {})}>
            <Icon name="plus" />
            {t("models.addKey")}
          </button>
        )
      }
    >
      <Await of={list}>
        {({ models }) =>
          models.length === 0 ? (
            <Empty icon="models" title={t("models.none")} text={t("models.none.text")}>
              {methods.value.has("wizard.start") && (
                <a class="button" href={href("wizard")}>
                  {t("overview.setModel")}
                </a>
              )}
            </Empty>
          ) : (
            namesOf(models, known).map((name) => (
              <ProviderCard
                key={name}
                name={name}
                provider={known.find((it) => it.provider === name)}
                models={models.filter((it) => it.provider === name)}
                replace={canSet ? () => (wanted.value = { provider: name }) : undefined}
              />
            ))
          )
        }
      </Await>
      {wanted.value && (
        <AddKey
          wanted={wanted.value}
          configured={known.filter((it) => it.apiKey?.source === "config").map((it) => it.provider)}
          close={() => (wanted.value = null)}
          added={refresh}
        />
      )}
    </Page>
  );
}

/** The provider of the default model first, those without a key last. */
function namesOf(models: ModelRow[], known: Provider[]): string[] {
  const names = new Set([...models, ...known].map((it) => it.provider));
  const usual = models.find((it) => it.tags?.includes("default"))?.provider;
  const rank = (name: string) => {
    if (name === usual) return 0;
    return known.find((it) => it.provider === name)?.status === "missing" ? 2 : 1;
  };
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

interface CardProps {
  name: string;
  provider: Provider | undefined;
  models: ModelRow[];
  replace: (() => void) | undefined;
}

function ProviderCard({ name, provider, models, replace }: CardProps) {
  const standings = provider?.standings ?? [];
  const profiles = standings.filter((it) => it.profileId);
  const source = provider?.apiKey?.source ?? "";
  return (
    <section class="section">
      <header class="bar">
        <h2 class="grow">{provider?.displayName ?? name}</h2>
        {provider && (
          <span class={source ? "tag good" : "tag"}>
            {SOURCES.includes(source) ? t(`models.key.${source}` as Key) : t("models.key.missing")}
          </span>
        )}
        {replace && (
          <button
            type="button"
            class="small"
            onClick={replace}
            aria-label={t("models.setKey.of", { name })}
          >
            {t("models.setKey")}
          </button>
        )}
      </header>
      <ul class="list">
        {profiles.map((it) => (
          <li key={it.profileId}>
            <span class="what">
              <b>{it.profileId}</b>
              <small>{t("models.stored")}</small>
            </span>
            <Standing fared={it} />
          </li>
        ))}
        {models.map((it) => (
          <Item key={it.id} model={it} fared={standings.find((one) => one.model === it.id)} />
        ))}
        {models.length === 0 && profiles.length === 0 && (
          <li class="muted">{t("models.noModels")}</li>
        )}
      </ul>
    </section>
  );
}

function Item({ model, fared }: { model: ModelRow; fared: Fared | undefined }) {
  const takes = (model.input ?? ["text"]).map((it) =>
    it === "image" ? t("models.image") : t("models.text"),
  );
  return (
    <li>
      <span class="what">
        <b>{model.name}</b>
        <small>
          {[model.id !== model.name ? model.id : "", takes.join(" + ")].filter(Boolean).join(" · ")}
          {model.contextWindow ? ` · ${t("models.room", { n: count(model.contextWindow) })}` : ""}
        </small>
      </span>
      <span class="tags">
        {model.tags?.includes("default") && <span class="tag">{t("models.default")}</span>}
        {model.reasoning && <span class="tag">{t("models.reasons")}</span>}
      </span>
      {model.available ? (
        <Standing fared={fared} />
      ) : (
        <span class="tag warn">{t("models.key.missing")}</span>
      )}
    </li>
  );
}

/** Whether a key, or a model with it, has worked, or rests after failures. */
function Standing({ fared }: { fared: Fared | undefined }) {
  const restsMs = (fared?.cooldownUntil ?? 0) - Date.now();
  if (restsMs > 0) {
    const reason = REASONS.includes(fared?.reason ?? "") ? fared?.reason : "unknown";
    return (
      <span class="tag warn">
        {t("models.rests", { for: duration(restsMs), why: t(`models.why.${reason}` as Key) })}
      </span>
    );
  }
  if (fared?.workedAt) {
    return (
      <span class="tag good">
        <Icon name="check" />
        {t("models.worked", { when: ago(fared.workedAt) })}
      </span>
    );
  }
  return <span class="tag">{t("models.untried")}</span>;
}
