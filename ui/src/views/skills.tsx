// Skills: which an agent has, what each of them lacks and how that is mended, switches and keys.

import { useSignal } from "@preact/signals";
import { type Key, t } from "../i18n";
import { CopyButton } from "../kit/copy";
import { Await, Empty, Page, useCall } from "../kit/load";
import { say, trying } from "../kit/toast";
import { showDirection } from "../markdown/blocks";
import { client, methods } from "../state/gateway";
import { go, href, place } from "../state/route";
import type { AgentRow } from "../state/sessions";
import "../styles/page.css";
import "../styles/skills.css";

interface Needs {
  bins: string[];
  anyBins: string[];
  env: string[];
  config: string[];
  os: string[];
}

interface Skill {
  name: string;
  description: string;
  source: string;
  filePath: string;
  skillKey: string;
  emoji?: string;
  homepage?: string;
  primaryEnv?: string;
  disabled: boolean;
  eligible: boolean;
  blockedByAllowlist: boolean;
  blockedByAgentFilter?: boolean;
  requirements: Needs;
  missing: Needs;
  install: { id: string; kind: string; label: string; bins: string[] }[];
}

interface Status {
  workspaceDir: string;
  managedSkillsDir: string;
  skills: Skill[];
}

type State = "ready" | "missing" | "disabled" | "blocked";

/** How each is shown: above all of them, and on one. What waits for somebody comes first. */
const STATES: Record<State, { heading: Key; word: Key; tone: string }> = {
  missing: { heading: "skills.are.missing", word: "skills.is.missing", tone: "tag warn" },
  ready: { heading: "skills.are.ready", word: "skills.is.ready", tone: "tag good" },
  blocked: { heading: "skills.are.blocked", word: "skills.is.blocked", tone: "tag" },
  disabled: { heading: "skills.are.disabled", word: "skills.is.disabled", tone: "tag" },
};
/** How long a change of the config may take to come into force. */
const SETTLED_MS = 5_000;

function stateOf(skill: Skill): State {
  if (skill.disabled) return "disabled";
  if (skill.blockedByAllowlist || skill.blockedByAgentFilter) return "blocked";
  return skill.eligible ? "ready" : "missing";
}

export default function View() {
  const agents = useCall<{ defaultId: string; agents: AgentRow[] }>("agents.list");
  const agentId = place.value.params.agent || agents.value?.defaultId;
  const list = agents.value?.agents ?? [];
  return (
    <Page
      title={t("skills.title")}
      lead={t("skills.lead")}
      actions={
        list.length > 1 && (
          <select
            aria-label={t("skills.agent")}
            value={agentId}
            onChange={(event) => go("skills", { agent: event.currentTarget.value }, "replace")}
          >
            {list.map((it) => (
              <option key={it.id} value={it.id}>
                {it.identity?.name ?? it.name ?? it.id}
              </option>
            ))}
          </select>
        )
      }
    >
      <Await of={agents}>{() => <Shelf key={agentId} agentId={agentId ?? ""} />}</Await>
    </Page>
  );
}

function Shelf({ agentId }: { agentId: string }) {
  const status = useCall<Status>("skills.status", { agentId }, 15_000);
  const typed = useSignal("");
  /** Changes a skill and waits until that is in force. */
  const change = async (skill: Skill, how: object, isDone: (now: Skill) => boolean) => {
    const done = await trying(client.call("skills.update", { skillKey: skill.skillKey, ...how }));
    if (!done) return false;
    const end = Date.now() + SETTLED_MS;
    for (;;) {
      const now = await trying(client.call<Status>("skills.status", { agentId }));
      if (now) status.set(now);
      const row = now?.skills.find((it) => it.name === skill.name);
      if (!row || isDone(row) || Date.now() > end) break;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    say(t("ui.saved"));
    return true;
  };
  return (
    <Await of={status}>
      {({ skills, workspaceDir, managedSkillsDir }) => {
        if (skills.length === 0) {
          const text = t("skills.none.text", {
            own: `${workspaceDir}/skills`,
            all: managedSkillsDir,
          });
          return <Empty icon="bulb" title={t("skills.none")} text={text} />;
        }
        const wanted = typed.value.trim().toLowerCase();
        const shown = skills.filter((it) =>
          `${it.name} ${it.description}`.toLowerCase().includes(wanted),
        );
        return (
          <>
            <div class="bar">
              <input
                type="search"
                placeholder={t("skills.search")}
                aria-label={t("skills.search")}
                value={typed.value}
                onInput={(event) => (typed.value = event.currentTarget.value)}
              />
              <span class="muted">
                {t("skills.count", {
                  ready: skills.filter((it) => stateOf(it) === "ready").length,
                  all: skills.length,
                })}
              </span>
            </div>
            {shown.length === 0 && <p class="muted">{t("ui.noMatch")}</p>}
            {(Object.keys(STATES) as State[]).map((state) => {
              const rows = shown.filter((it) => stateOf(it) === state);
              if (rows.length === 0) return null;
              return (
                <section class="section" key={state}>
                  <h2>{t(STATES[state].heading)}</h2>
                  {rows.map((it) => (
                    <Card key={it.name} skill={it} agentId={agentId} change={change} />
                  ))}
                </section>
              );
            })}
          </>
        );
      }}
    </Await>
  );
}

type Change = (skill: Skill, how: object, isDone: (now: Skill) => boolean) => Promise<boolean>;

interface Props {
  skill: Skill;
  agentId: string;
  change: Change;
}

function Card({ skill, agentId, change }: Props) {
  const state = stateOf(skill);
  const name = showDirection(skill.name);
  const isBusy = useSignal(false);
  const mayChange = methods.value.has("skills.update");
  const turn = async (enabled: boolean) => {
    isBusy.value = true;
    await change(skill, { enabled }, (now) => now.disabled === !enabled);
    isBusy.value = false;
  };
  return (
    <article class="card skill" aria-label={name}>
      <header>
        <h3 dir="auto">
          {skill.emoji && <span aria-hidden="true">{skill.emoji} </span>}
          {name}
        </h3>
        <span class="tags">
          <span class={STATES[state].tone}>{t(STATES[state].word)}</span>
          <span class="tag">{sourceOf(skill.source)}</span>
        </span>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            aria-checked={!skill.disabled}
            checked={!skill.disabled}
            disabled={!mayChange || isBusy.value}
            onChange={(event) => void turn(event.currentTarget.checked)}
          />
          {t("skills.on")}
        </label>
      </header>
      <p dir="auto">{showDirection(skill.description)}</p>
      {state === "missing" && <Missing skill={skill} agentId={agentId} change={change} />}
      {state === "blocked" && (
        <p class="need">
          {t(skill.blockedByAllowlist ? "skills.blocked.all" : "skills.blocked.agent")}{" "}
          <a href={href("config", { section: skill.blockedByAllowlist ? "skills" : "agents" })}>
            {t("skills.toConfig")}
          </a>
        </p>
      )}
      <details>
        <summary>{t("skills.more")}</summary>
        <dl class="facts">
          <div>
            <dt>{t("skills.file")}</dt>
            <dd class="mono">{skill.filePath}</dd>
          </div>
          {skill.homepage && <Homepage url={skill.homepage} />}
        </dl>
        {skill.primaryEnv && mayChange && !skill.missing.env.includes(skill.primaryEnv) && (
          <Secret
            label={t("skills.key", { name: skill.primaryEnv })}
            note={skill.requirements.env.includes(skill.primaryEnv) ? t("skills.key.given") : ""}
            save={(apiKey) => change(skill, { apiKey }, () => true)}
            mayForget
          />
        )}
      </details>
    </article>
  );
}

function sourceOf(source: string): string {
  if (source === "openclaw-workspace") return t("skills.from.workspace");
  if (source === "openclaw-managed") return t("skills.from.managed");
  if (source === "openclaw-bundled") return t("skills.from.bundled");
  return source === "openclaw-extra" ? t("skills.from.extra") : source;
}

/** A skill may name any address as its page; only those of the web become links. */
function Homepage({ url }: { url: string }) {
  return (
    <div>
      <dt>{t("skills.page")}</dt>
      <dd>
        {/^https?:\/\//.test(url) ? (
          <a href={url} target="_blank" rel="noopener noreferrer">
            {url}
          </a>
        ) : (
          url
        )}
      </dd>
    </div>
  );
}

/** What stands in the way, each with what to do about it. */
function Missing({ skill, agentId, change }: Props) {
  const { bins, anyBins, env, config, os } = skill.missing;
  const advice = useSignal("");
  const explain = async (installId: string) => {
    try {
      await client.call("skills.install", { agentId, name: skill.name, installId });
    } catch (told) {
      advice.value = (told as Error).message;
    }
  };
  const programs = [...bins, ...anyBins];
  const command = advice.value.split("run: ")[1];
  return (
    <div class="needs">
      {os.length > 0 && <p class="need">{t("skills.need.os", { names: os.join(", ") })}</p>}
      {bins.length > 0 && <p class="need">{t("skills.need.bins", { names: bins.join(", ") })}</p>}
      {anyBins.length > 0 && (
        <p class="need">{t("skills.need.anyBins", { names: anyBins.join(", ") })}</p>
      )}
      {programs.length > 0 && skill.install.length > 0 && (
        <div class="buttons">
          {skill.install.map((it) => (
            <button type="button" key={it.id} onClick={() => void explain(it.id)}>
              {showDirection(it.label)}
            </button>
          ))}
        </div>
      )}
      {advice.value && (
        <p class="advice" role="status">
          {advice.value} {command && <CopyButton text={command} />}
        </p>
      )}
      {config.map((path) => (
        <p class="need" key={path}>
          {t("skills.need.config", { path })}{" "}
          <a href={href("config", { section: path.split(".")[0] })}>{t("skills.toConfig")}</a>
        </p>
      ))}
      {env.map((name) =>
        methods.value.has("skills.update") ? (
          <Secret
            key={name}
            label={t(name === skill.primaryEnv ? "skills.key" : "skills.variable", { name })}
            save={(value) =>
              change(
                skill,
                name === skill.primaryEnv ? { apiKey: value } : { env: { [name]: value } },
                (now) => !now.missing.env.includes(name),
              )
            }
          />
        ) : (
          <p class="need" key={name}>
            {t("skills.variable", { name })}
          </p>
        ),
      )}
    </div>
  );
}

interface SecretProps {
  label: string;
  note?: string;
  save(value: string): Promise<boolean>;
  mayForget?: boolean;
}

/** Takes a secret and never shows one: what is stored stays with the gateway. */
function Secret({ label, note, save, mayForget }: SecretProps) {
  const typed = useSignal("");
  const isBusy = useSignal(false);
  const submit = async (value: string) => {
    isBusy.value = true;
    typed.value = "";
    await save(value);
    isBusy.value = false;
  };
  return (
    <form
      class="secret"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.value.trim()) void submit(typed.value.trim());
      }}
    >
      <label>
        <span>{label}</span>
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder={note}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={isBusy.value || !typed.value.trim()}>
        {t("ui.save")}
      </button>
      {mayForget && (
        <button type="button" class="quiet" disabled={isBusy.value} onClick={() => void submit("")}>
          {t("skills.forget")}
        </button>
      )}
    </form>
  );
}
