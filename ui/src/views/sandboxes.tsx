// The containers that tools run in, and what holds for a conversation's tools.

import { t } from "../i18n";
import { ask } from "../kit/dialog";
import { ago, bytes, duration } from "../kit/format";
import { Icon } from "../kit/icons";
import { Await, Empty, Page, useCall } from "../kit/load";
import { say, trying } from "../kit/toast";
import { showDirection } from "../markdown/blocks";
import { client, mainKey, methods } from "../state/gateway";
import { go, href, place } from "../state/route";
import { nameOf, sessions, shortKey } from "../state/sessions";
import "../styles/page.css";
import "../styles/sandboxes.css";

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
  limits?: { cpus?: number; memoryBytes?: number; pids?: number };
  lastCommands?: LastCommand[];
}

interface LastCommand {
  command: string;
  atMs: number;
  tookMs?: number;
  exitCode?: number;
  signal?: number;
}

export interface SandboxList {
  containers: Sandbox[];
  spares?: number;
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
  // The list is there at once; measuring what they use takes a moment.
  const bare = useCall<SandboxList>("sandbox.list", { stats: false });
  const measured = useCall<SandboxList>("sandbox.list", {}, EVERY_MS);
  const list = measured.value ? measured : bare;
  const recreate = async (params: object, question: string) => {
    if (!(await ask(question, t("sandboxes.recreate")))) return;
    const done = await trying(
      client.call<{ removed: string[]; failed: { containerName: string; error: string }[] }>(
        "sandbox.recreate",
        params,
      ),
    );
    for (const it of done?.failed ?? []) say(`${it.containerName}: ${it.error}`, "bad");
    if (done?.removed.length) say(t("sandboxes.removed", { n: done.removed.length }));
    await measured.reload();
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
        {(it) => (
          <>
            <Sums list={it} />
            {it.containers.length === 0 && (
              <Empty icon="sandboxes" title={t("sandboxes.none")} text={t("sandboxes.none.text")} />
            )}
            {[...it.containers]
              .sort((a, b) => b.lastUsedAtMs - a.lastUsedAtMs)
              .map((box) => (
                <Item
                  key={box.containerName}
                  box={box}
                  recreate={
                    canRecreate
                      ? () =>
                          void recreate({ sessionKey: box.sessionKey }, t("sandboxes.recreate.ask"))
                      : undefined
                  }
                />
              ))}
          </>
        )}
      </Await>
      {methods.value.has("sandbox.explain") && <Policy />}
    </Page>
  );
}

function Sums({ list }: { list: SandboxList }) {
  const running = list.containers.filter((it) => it.running);
  const sum = (of: (it: NonNullable<Sandbox["stats"]>) => number) =>
    running.reduce((total, it) => total + (it.stats ? of(it.stats) : 0), 0);
  return (
    <div class="tiles">
      <div>
        <small>{t("overview.sandboxes")}</small>
        <strong>
          {t("overview.sandboxes.text", { running: running.length, all: list.containers.length })}
        </strong>
      </div>
      {list.spares !== undefined && (
        <div>
          <small>{t("sandboxes.spares")}</small>
          <strong>{list.spares}</strong>
        </div>
      )}
      <div>
        <small>{t("sandboxes.cpu")}</small>
        <strong>{Math.round(sum((it) => it.cpuPercent))} %</strong>
      </div>
      <div>
        <small>{t("sandboxes.memory")}</small>
        <strong>{bytes(sum((it) => it.memoryBytes))}</strong>
      </div>
    </div>
  );
}

/** For whom a sandbox is, in words: the key of its scope without what only programs need. */
function scopeOf(box: Sandbox): { name: string; session?: string } {
  const [key = ""] = box.sessionKey.split(":workspace:");
  if (key === "shared") return { name: t("sandboxes.for.all") };
  const row = sessions.value.find((it) => it.key === key);
  if (row) return { name: nameOf(row), session: key };
  const [, agent, ...rest] = key.split(":");
  if (agent && rest.length === 0) return { name: t("sandboxes.for.agent", { name: agent }) };
  return rest.length > 0 ? { name: shortKey(key), session: key } : { name: key };
}

function Item({ box, recreate }: { box: Sandbox; recreate: (() => void) | undefined }) {
  const scope = scopeOf(box);
  const commands = box.lastCommands ?? [];
  return (
    <article class="card section box">
      <header class="bar">
        <span class="grow what">
          <h2 dir="auto">
            {scope.session ? (
              <a href={href("chat", { session: scope.session })}>{scope.name}</a>
            ) : (
              scope.name
            )}
          </h2>
          <small class="mono">{box.containerName}</small>
        </span>
        {!box.imageMatch && <span class="tag warn">{t("sandboxes.mismatch")}</span>}
        <span class={box.running ? "tag good" : "tag"}>
          {box.running ? t("sandboxes.running") : t("sandboxes.stopped")}
        </span>
        {recreate && (
          <button
            type="button"
            class="small"
            onClick={recreate}
            aria-label={`${t("sandboxes.recreate")}: ${box.containerName}`}
          >
            <Icon name="refresh" />
            {t("sandboxes.recreate")}
          </button>
        )}
      </header>
      <Load box={box} />
      <dl class="facts">
        <Fact name={t("sandboxes.image")}>
          <code>{box.image}</code>
          {box.backendId && <span class="muted"> · {box.backendId}</span>}
        </Fact>
        <Fact name={t("sandboxes.idle")}>
          {ago(box.lastUsedAtMs)}
          <span class="muted"> · {t("sandboxes.made", { when: ago(box.createdAtMs) })}</span>
        </Fact>
      </dl>
      <section>
        <h3>{t("sandboxes.commands")}</h3>
        {commands.length === 0 ? (
          <p class="muted">{t("sandboxes.commands.none")}</p>
        ) : (
          <ol class="commands">
            {commands.map((it) => (
              <Command key={`${it.atMs}${it.command}`} of={it} />
            ))}
          </ol>
        )}
      </section>
    </article>
  );
}

/** What it uses of what it may use. */
function Load({ box }: { box: Sandbox }) {
  const { stats, limits } = box;
  const cpus = limits?.cpus;
  const memoryMax = stats?.memoryLimitBytes ?? limits?.memoryBytes;
  return (
    <div class="loads">
      <Meter
        name={t("sandboxes.cpu")}
        value={stats ? `${stats.cpuPercent.toFixed(0)} %` : "–"}
        limit={cpus ? t("sandboxes.cpus", { n: cpus }) : ""}
        share={stats ? stats.cpuPercent / (100 * (cpus ?? 1)) : 0}
      />
      <Meter
        name={t("sandboxes.memory")}
        value={stats ? bytes(stats.memoryBytes) : "–"}
        limit={memoryMax ? bytes(memoryMax) : ""}
        share={stats && memoryMax ? stats.memoryBytes / memoryMax : 0}
      />
      <Meter
        name={t("sandboxes.pids")}
        value={stats?.pids === undefined ? "–" : String(stats.pids)}
        limit={limits?.pids ? String(limits.pids) : ""}
        share={stats?.pids && limits?.pids ? stats.pids / limits.pids : 0}
      />
    </div>
  );
}

interface MeterProps {
  name: string;
  value: string;
  limit: string;
  share: number;
}

function Meter({ name, value, limit, share }: MeterProps) {
  return (
    <div>
      <small>{name}</small>
      <span>
        <b>{value}</b> {limit ? `/ ${limit}` : ""}
      </span>
      <span class="load-bar" data-high={share > 0.9} aria-hidden="true">
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
    </div>
  );
}

function Command({ of }: { of: LastCommand }) {
  const isRunning = of.tookMs === undefined;
  const failed = of.signal !== undefined || (of.exitCode ?? 0) !== 0;
  return (
    <li>
      <code title={of.command}>{showDirection(of.command)}</code>
      <span class="figures">
        {isRunning ? (
          <span class="tag">
            <i class="pulse" /> {t("chat.tool.running")}
          </span>
        ) : (
          <>
            {failed && (
              <span class="tag bad">
                {of.signal === undefined
                  ? t("chat.tool.exit", { n: of.exitCode ?? 0 })
                  : t("sandboxes.signal", { n: of.signal })}
              </span>
            )}
            <span>{duration(of.tookMs ?? 0)}</span>
          </>
        )}
        <span>{ago(of.atMs)}</span>
      </span>
    </li>
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
