// The containers that tools run in, and what holds for a conversation's tools.

import { t } from "../i18n";
import { ask } from "../kit/dialog";
import { ago, bytes } from "../kit/format";
import { Icon } from "../kit/icons";
import { Await, Page, useCall } from "../kit/load";
import { say, trying } from "../kit/toast";
import { client, mainKey, methods } from "../state/gateway";
import { go, href, place } from "../state/route";
import { nameOf, sessions } from "../state/sessions";
import "../styles/page.css";

export interface Sandbox {
  containerName: string;
  sessionKey: string;
  createdAtMs: number;
  lastUsedAtMs: number;
  image: string;
  running: boolean;
  imageMatch: boolean;
  backendId?: string;
  stats?: { cpuPercent: number; memoryBytes: number; memoryLimitBytes?: number; pids?: number };
  lastCommands?: { command: string; atMs?: number; exitCode?: number }[];
}

export interface SandboxList {
  containers: Sandbox[];
}

interface Report {
  agentId: string;
  sessionKey: string;
  sandbox: {
    mode: string;
    scope: string;
    backend: string;
    workspaceAccess: string;
    runtimeWorkdir: string;
    effectiveHostWorkspaceRoot?: string;
    workspaceMounts: {
      hostPath?: string;
      containerPath?: string;
      source?: string;
      target?: string;
    }[];
    sessionIsSandboxed: boolean;
    tools: {
      allow: string[];
      deny: string[];
      sources: Record<"allow" | "deny", { source: string; key: string }>;
    };
  };
  elevated: {
    enabled: boolean;
    allowedByConfig: boolean;
    failures: { gate: string; key: string }[];
  };
  fixIt: string[];
}

const EVERY_MS = 3_000;

export default function Sandboxes() {
  const list = useCall<SandboxList>("sandbox.list", {}, EVERY_MS);
  const recreate = async (params: object, question: string) => {
    if (!(await ask(question, t("sandboxes.recreate")))) return;
    const done = await trying(
      client.call<{ removed: string[]; failed: { containerName: string; error: string }[] }>(
        "sandbox.recreate",
        params,
      ),
    );
    for (const it of done?.failed ?? []) say(`${it.containerName}: ${it.error}`, "bad");
    await list.reload();
  };
  const canRecreate = methods.value.has("sandbox.recreate");
  const count = list.value?.containers.length ?? 0;
  return (
    <Page
      title={t("sandboxes.title")}
      lead={t("sandboxes.lead")}
      actions={
        canRecreate && count > 1 ? (
          <button
            type="button"
            onClick={() => void recreate({ all: true }, t("sandboxes.recreateAll.ask"))}
          >
            {t("sandboxes.recreateAll")}
          </button>
        ) : null
      }
    >
      <Await of={list}>
        {({ containers }) =>
          containers.length === 0 ? (
            <div class="card muted">
              <b>{t("sandboxes.none")}</b>
              <p>{t("sandboxes.none.text")}</p>
            </div>
          ) : (
            <ul class="list">
              {containers.map((it) => (
                <Item
                  key={it.containerName}
                  box={it}
                  recreate={
                    canRecreate
                      ? () =>
                          void recreate({ sessionKey: it.sessionKey }, t("sandboxes.recreate.ask"))
                      : undefined
                  }
                />
              ))}
            </ul>
          )
        }
      </Await>
      {methods.value.has("sandbox.explain") && <Policy />}
    </Page>
  );
}

function Item({ box, recreate }: { box: Sandbox; recreate: (() => void) | undefined }) {
  const stats = box.stats;
  return (
    <li>
      <span class="what">
        <b>{box.sessionKey}</b>
        <small title={box.containerName}>
          {box.containerName} · {box.image}
        </small>
        {(box.lastCommands ?? []).slice(0, 3).map((it) => (
          <small key={`${it.atMs}${it.command}`} class="mono">
            $ {it.command}
          </small>
        ))}
      </span>
      <span class={box.running ? "tag good" : "tag"}>
        {box.running ? t("sandboxes.running") : t("sandboxes.stopped")}
      </span>
      {!box.imageMatch && <span class="tag warn">{t("sandboxes.mismatch")}</span>}
      <span class="figures">
        {stats && (
          <>
            <span title={t("sandboxes.cpu")}>{stats.cpuPercent.toFixed(0)} %</span>
            <Memory stats={stats} />
          </>
        )}
        <span title={t("sandboxes.idle")}>{ago(box.lastUsedAtMs)}</span>
      </span>
      {recreate && (
        <button
          type="button"
          class="quiet"
          onClick={recreate}
          title={t("sandboxes.recreate")}
          aria-label={`${t("sandboxes.recreate")}: ${box.containerName}`}
        >
          <Icon name="refresh" />
        </button>
      )}
    </li>
  );
}

function Memory({ stats }: { stats: NonNullable<Sandbox["stats"]> }) {
  const limit = stats.memoryLimitBytes;
  const share = limit ? Math.min(100, (stats.memoryBytes / limit) * 100) : 0;
  return (
    <span title={t("sandboxes.memory")}>
      {bytes(stats.memoryBytes)}
      {limit ? ` / ${bytes(limit)}` : ""}
      {limit ? (
        <span class="load-bar" aria-hidden="true">
          <i style={{ width: `${share}%` }} />
        </span>
      ) : null}
    </span>
  );
}

function Policy() {
  const asked = place.value.params.session || mainKey.value;
  const report = useCall<Report>("sandbox.explain", { sessionKey: asked });
  const keys = new Set([asked, mainKey.value, ...sessions.value.map((row) => row.key)]);
  const named = (key: string) => sessions.value.find((row) => row.key === key);
  return (
    <section class="section">
      <h2>{t("sandboxes.policy")}</h2>
      <label class="bar">
        <span class="muted">{t("sandboxes.policy.for")}</span>
        <select
          value={asked}
          onChange={(event) => go("sandboxes", { session: event.currentTarget.value }, "replace")}
        >
          {[...keys].map((key) => {
            const row = named(key);
            return (
              <option key={key} value={key}>
                {row ? `${nameOf(row)} (${key})` : key}
              </option>
            );
          })}
        </select>
      </label>
      <Await of={report}>{(it) => <Explained report={it} />}</Await>
    </section>
  );
}

function Explained({ report }: { report: Report }) {
  const { sandbox, elevated } = report;
  return (
    <div class="card section">
      <dl class="facts">
        <Fact name={t("sandboxes.where")}>
          {t(sandbox.sessionIsSandboxed ? "sandboxes.where.box" : "sandboxes.where.host")}
        </Fact>
        <Fact name={t("sandboxes.mode")}>
          {sandbox.mode} · {sandbox.backend}
        </Fact>
        <Fact name={t("sandboxes.scope")}>{sandbox.scope}</Fact>
        <Fact name={t("sandboxes.workspace")}>
          <code>{sandbox.runtimeWorkdir}</code>
        </Fact>
        {sandbox.sessionIsSandboxed && (
          <Fact name={t("sandboxes.access")}>{sandbox.workspaceAccess}</Fact>
        )}
        {sandbox.sessionIsSandboxed && (
          <>
            <Tools
              name={t("sandboxes.allow")}
              list={sandbox.tools.allow}
              of={sandbox.tools.sources.allow}
            />
            <Tools
              name={t("sandboxes.deny")}
              list={sandbox.tools.deny}
              of={sandbox.tools.sources.deny}
            />
          </>
        )}
        <Fact name={t("sandboxes.elevated")}>
          {t(elevated.allowedByConfig ? "sandboxes.elevated.yes" : "sandboxes.elevated.no")}
          {elevated.failures.map((it) => (
            <div key={it.key} class="muted">
              <code>{it.key}</code>
            </div>
          ))}
        </Fact>
      </dl>
      {!sandbox.sessionIsSandboxed && sandbox.mode === "off" && (
        <p class="muted">
          {t("sandboxes.off")}{" "}
          <a class="button" href={href("config", { section: "agents" })}>
            {t("sandboxes.switchOn")}
          </a>
        </p>
      )}
      <details>
        <summary class="muted">{t("sandboxes.fix")}</summary>
        <ul>
          {report.fixIt.map((key) => (
            <li key={key}>
              <code>{key}</code>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface ToolsProps {
  name: string;
  list: string[];
  of: { source: string; key: string };
}

function Tools({ name, list, of }: ToolsProps) {
  return (
    <Fact name={name}>
      <span class="tags">
        {list.map((tool) => (
          <span key={tool} class="tag">
            {tool}
          </span>
        ))}
        {list.length === 0 && t("ui.none")}
      </span>
      <small class="muted">
        {of.source}: <code>{of.key}</code>
      </small>
    </Fact>
  );
}
