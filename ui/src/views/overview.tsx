// The gateway at a glance.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { ago, count, duration } from "../kit/format";
import { Icon } from "../kit/icons";
import { Page, Skeleton, useCall } from "../kit/load";
import { health, hello, methods, presence, startedMs } from "../state/gateway";
import { href } from "../state/route";
import { areKnown, defaults, lacksModel, nameOf, sessions } from "../state/sessions";
import type { SandboxList } from "./sandboxes";
import "../styles/page.css";

export default function Overview() {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const known = health.value;
  const problems = known?.configProblems ?? [];
  const isWell = known?.ok !== false && problems.length === 0;
  const usual = defaults.value;
  const clients = presence.value.filter(
    (it) => it.mode !== "gateway" && it.reason !== "disconnect",
  );
  return (
    <Page title={t("overview.title")}>
      <p class={isWell ? "verdict good" : "verdict bad"} role="status">
        <Icon name={isWell ? "check" : "warn"} />
        {isWell ? t("overview.healthy") : t("overview.unwell")}
      </p>
      {problems.length > 0 && (
        <section class="section">
          <h2>{t("overview.problems")}</h2>
          <ul class="list">
            {problems.map((it) => (
              <li class="item" key={it.path}>
                <span class="what">
                  <b>{it.path}</b>
                  <small>{it.hint ? `${it.message}; ${it.hint}` : it.message}</small>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div class="tiles">
        <Tile name={t("overview.version")} value={hello.value?.server.version ?? ""} />
        <Tile name={t("overview.uptime")} value={duration(now.value - startedMs.value)} />
        <a href={href("sessions")}>
          <small>{t("overview.sessions")}</small>
          <strong>{count(known?.sessions?.count ?? sessions.value.length)}</strong>
        </a>
        <Tile name={t("overview.clients")} value={count(clients.length)} />
        {methods.value.has("sandbox.list") && <Sandboxes />}
      </div>
      <section class="section">
        <h2>{t("overview.model")}</h2>
        {!areKnown.value ? (
          <Skeleton />
        ) : !lacksModel.value ? (
          <a class="list" href={href("models")}>
            <span class="item">
              <Icon name="models" />
              <span class="what">
                <b>{usual?.model}</b>
                <small>{usual?.modelProvider}</small>
              </span>
            </span>
          </a>
        ) : (
          <div class="card section">
            <b>{t("overview.noModel")}</b>
            <p class="muted">{t("overview.noModel.text")}</p>
            <div class="buttons">
              {methods.value.has("wizard.start") && (
                <a class="button primary" href={href("wizard")}>
                  {t("overview.setModel")}
                </a>
              )}
              <a class="button" href={href("config", { section: "models" })}>
                {t("nav.config")}
              </a>
            </div>
          </div>
        )}
      </section>
      <Channels />
      <section class="section">
        <h2>{t("overview.recent")}</h2>
        {areKnown.value ? <Recent /> : <Skeleton />}
      </section>
      <section class="section">
        <h2>{t("overview.presence")}</h2>
        <ul class="list">
          {clients.map((it) => (
            <li key={`${it.instanceId ?? it.deviceId ?? it.host}${it.ts}`}>
              <span class="what">
                <b>{it.host ?? t("ui.unknown")}</b>
                <small>
                  {[it.mode, it.platform, it.version, it.ip].filter(Boolean).join(" · ")}
                </small>
              </span>
              <span class="figures">{ago(it.ts)}</span>
            </li>
          ))}
        </ul>
      </section>
      <dl class="facts">
        <Fact name={t("overview.config")} value={hello.value?.snapshot.configPath} />
        <Fact name={t("overview.state")} value={hello.value?.snapshot.stateDir} />
      </dl>
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

function Fact({ name, value }: { name: string; value: string | undefined }) {
  if (!value) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd class="mono">{value}</dd>
    </div>
  );
}

function Sandboxes() {
  const list = useCall<SandboxList>("sandbox.list", { stats: false }, 15_000).value;
  const all = list?.containers ?? [];
  const running = all.filter((it) => it.running).length;
  return (
    <a href={href("sandboxes")}>
      <small>{t("overview.sandboxes")}</small>
      <strong>{list ? t("overview.sandboxes.text", { running, all: all.length }) : "…"}</strong>
    </a>
  );
}

function Channels() {
  const known = health.value;
  const order = known?.channelOrder ?? [];
  if (order.length === 0) return null;
  return (
    <section class="section">
      <h2>{t("overview.channels")}</h2>
      <ul class="list">
        {order.map((id) => {
          const channel = known?.channels?.[id];
          const state = channel?.linked
            ? t("overview.channel.linked")
            : channel?.configured
              ? t("overview.channel.configured")
              : t("overview.channel.off");
          return (
            <li key={id}>
              <span class="what">
                <b>{known?.channelLabels?.[id] ?? id}</b>
              </span>
              <span class={channel?.linked ? "tag good" : "tag"}>{state}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Recent() {
  const shown = sessions.value.slice(0, 6);
  if (shown.length === 0) return <p class="muted">{t("overview.recent.none")}</p>;
  return (
    <div class="list">
      {shown.map((row) => (
        <a key={row.key} class="item" href={href("chat", { session: row.key })}>
          <span class="what">
            <b dir="auto">{nameOf(row)}</b>
            <small>{row.key}</small>
          </span>
          {row.hasActiveRun && <span class="tag">{t("sessions.running")}</span>}
          <span class="figures">{ago(row.updatedAt)}</span>
        </a>
      ))}
    </div>
  );
}
