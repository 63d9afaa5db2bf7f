// The models that agents may use, and whether there is a key for them.

import { t } from "../i18n";
import { count } from "../kit/format";
import { Await, Empty, Page, useCall } from "../kit/load";
import { methods } from "../state/gateway";
import { href } from "../state/route";
import type { ModelRow } from "../state/sessions";
import "../styles/page.css";

interface AuthStatus {
  providers?: {
    provider: string;
    displayName?: string;
    status?: string;
    profiles?: { profileId?: string; status?: string; cooldownUntil?: number }[];
  }[];
}

export default function Models() {
  const list = useCall<{ models: ModelRow[] }>("models.list", {}, 30_000);
  return (
    <Page
      title={t("models.title")}
      lead={t("models.lead")}
      actions={
        <a class="button" href={href("config", { section: "models" })}>
          {t("nav.config")}
        </a>
      }
    >
      {methods.value.has("models.authStatus") && <Keys />}
      <Await of={list}>
        {({ models }) =>
          models.length === 0 ? (
            <Empty icon="models" title={t("models.none")} text={t("models.none.text")}>
              <a class="button primary" href={href("config", { section: "models" })}>
                {t("overview.setModel")}
              </a>
            </Empty>
          ) : (
            <ByProvider models={models} />
          )
        }
      </Await>
    </Page>
  );
}

function ByProvider({ models }: { models: ModelRow[] }) {
  const providers = [...new Set(models.map((it) => it.provider))];
  return (
    <>
      {providers.map((provider) => (
        <section class="section" key={provider}>
          <h2>{provider}</h2>
          <ul class="list">
            {models
              .filter((it) => it.provider === provider)
              .map((it) => (
                <Item key={it.id} model={it} />
              ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function Item({ model }: { model: ModelRow }) {
  const takes = (model.input ?? ["text"]).map((it) =>
    it === "image" ? t("models.image") : t("models.text"),
  );
  return (
    <li>
      <span class="what">
        <b>{model.name}</b>
        <small>{model.id}</small>
      </span>
      <span class="tags">
        {model.tags?.includes("default") && <span class="tag good">{t("models.default")}</span>}
        {model.reasoning && <span class="tag">{t("models.reasons")}</span>}
        <span class={model.available ? "tag good" : "tag warn"}>
          {t("models.state")}: {model.available ? t("models.ready") : t("models.unverified")}
        </span>
      </span>
      <span class="figures">
        <span title={t("models.takes")}>{takes.join(", ")}</span>
        {model.contextWindow ? (
          <span title={t("models.context")}>{count(model.contextWindow)}</span>
        ) : null}
      </span>
    </li>
  );
}

function Keys() {
  const status = useCall<AuthStatus>("models.authStatus", {}, 30_000);
  const providers = status.value?.providers ?? [];
  if (providers.length === 0) return null;
  return (
    <ul class="list">
      {providers.map((it) => (
        <li key={it.provider}>
          <span class="what">
            <b>{it.displayName ?? it.provider}</b>
            <small>{(it.profiles ?? []).map((profile) => profile.profileId).join(", ")}</small>
          </span>
          <span class={it.status === "ok" ? "tag good" : "tag"}>
            {it.status ?? t("ui.unknown")}
          </span>
        </li>
      ))}
    </ul>
  );
}
