// The agents: who they are, which model answers, and the files of their workspace.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { ask } from "../kit/dialog";
import { bytes } from "../kit/format";
import { Icon } from "../kit/icons";
import { Await, Page, reloadSoon, useCall } from "../kit/load";
import { say, trying } from "../kit/toast";
import { client, methods } from "../state/gateway";
import { go, href, place } from "../state/route";
import { type AgentRow, loadAgents } from "../state/sessions";
import { EditAgent } from "./agents-edit";
import "../styles/page.css";

interface Agents {
  defaultId: string;
  mainKey: string;
  agents: AgentRow[];
}

interface FileRow {
  name: string;
  path: string;
  missing: boolean;
  size?: number;
  content?: string;
  hash?: string;
}

export default function View() {
  const list = useCall<Agents>("agents.list");
  const edited = useSignal<{ agent: AgentRow | null } | null>(null);
  const changed = list.reload;
  return (
    <Page
      title={t("agents.title")}
      lead={t("agents.lead")}
      actions={
        methods.value.has("agents.create") && (
          <button type="button" class="primary" onClick={() => (edited.value = { agent: null })}>
            <Icon name="plus" />
            {t("agents.new")}
          </button>
        )
      }
    >
      <Await of={list}>
        {(it) => (
          <Chosen list={it} edit={(agent) => (edited.value = { agent })} changed={changed} />
        )}
      </Await>
      {edited.value && (
        <EditAgent
          agent={edited.value.agent}
          close={() => (edited.value = null)}
          changed={changed}
        />
      )}
    </Page>
  );
}

interface ChosenProps {
  list: Agents;
  edit(agent: AgentRow): void;
  changed(): Promise<void>;
}

function Chosen({ list, edit, changed }: ChosenProps) {
  const id = place.value.params.agent || list.defaultId;
  const agent = list.agents.find((it) => it.id === id) ?? list.agents[0];
  if (!agent) return null;
  const remove = async () => {
    if (!(await ask(t("agents.delete.ask", { name: nameOf(agent) }), t("ui.delete")))) return;
    if ((await trying(client.call("agents.delete", { agentId: agent.id }))) === undefined) return;
    say(t("sessions.deleted"));
    go("agents", {}, "replace");
    void reloadSoon(() => Promise.all([changed(), loadAgents()]));
  };
  return (
    <>
      {list.agents.length > 1 && (
        <nav class="faces" aria-label={t("agents.title")}>
          {list.agents.map((it) => (
            <a
              key={it.id}
              class="button"
              href={href("agents", { agent: it.id })}
              aria-current={it.id === agent.id ? "true" : undefined}
            >
              <Face agent={it} />
              {nameOf(it)}
              {it.id === list.defaultId && <span class="tag">{t("agents.default")}</span>}
            </a>
          ))}
        </nav>
      )}
      <div class="card section">
        <header class="bar">
          <Face agent={agent} />
          <span class="grow what">
            <h2 dir="auto">{nameOf(agent)}</h2>
            {nameOf(agent) !== agent.id && <small class="muted mono">{agent.id}</small>}
          </span>
          <span class="buttons">
            <a class="button" href={href("chat", { session: `agent:${agent.id}:${list.mainKey}` })}>
              <Icon name="chat" />
              {t("agents.chat")}
            </a>
            {methods.value.has("agents.update") && (
              <button type="button" onClick={() => edit(agent)}>
                <Icon name="edit" />
                {t("agents.edit.short")}
              </button>
            )}
            {methods.value.has("agents.delete") && agent.id !== "main" && (
              <button type="button" class="danger" onClick={() => void remove()}>
                <Icon name="trash" />
                {t("ui.delete")}
              </button>
            )}
          </span>
        </header>
        {agent.identity?.theme && <p class="muted">{agent.identity.theme}</p>}
        <dl class="facts">
          <div>
            <dt>{t("agents.workspace")}</dt>
            <dd class="mono">{agent.workspace}</dd>
          </div>
          <div>
            <dt>{t("agents.model")}</dt>
            <dd>{agent.model?.primary ?? t("ui.none")}</dd>
          </div>
          {agent.model?.fallbacks?.length ? (
            <div>
              <dt>{t("agents.fallbacks")}</dt>
              <dd>{agent.model.fallbacks.join(", ")}</dd>
            </div>
          ) : null}
        </dl>
      </div>
      {methods.value.has("agents.files.list") && <Files key={agent.id} agentId={agent.id} />}
    </>
  );
}

function nameOf(agent: AgentRow): string {
  return agent.identity?.name ?? agent.name ?? agent.id;
}

function Face({ agent }: { agent: AgentRow }) {
  const letter = nameOf(agent).slice(0, 1).toUpperCase();
  return (
    <span class="face" aria-hidden="true">
      {agent.identity?.emoji ?? letter}
    </span>
  );
}

function Files({ agentId }: { agentId: string }) {
  const list = useCall<{ files: FileRow[] }>("agents.files.list", { agentId });
  const chosen = place.value.params.file ?? "";
  const open = (file: string) => go("agents", { agent: agentId, file }, "replace");
  return (
    <section class="section">
      <h2>{t("agents.files")}</h2>
      <Await of={list}>
        {({ files }) => {
          const shown = chosen || (files[0]?.name ?? "");
          return (
            <div class="two">
              <div class="list">
                {files.map((file) => (
                  <a
                    key={file.name}
                    class="item"
                    href={href("agents", { agent: agentId, file: file.name })}
                    aria-current={file.name === shown ? "true" : undefined}
                  >
                    <span class="what">
                      <b>{file.name}</b>
                      <small>
                        {file.missing ? t("agents.file.missing") : bytes(file.size ?? 0)}
                      </small>
                    </span>
                  </a>
                ))}
              </div>
              {shown && (
                <Editor
                  key={shown}
                  agentId={agentId}
                  name={shown}
                  saved={async () => {
                    open(shown);
                    await list.reload();
                  }}
                />
              )}
            </div>
          );
        }}
      </Await>
    </section>
  );
}

interface EditorProps {
  agentId: string;
  name: string;
  saved(): Promise<void>;
}

function Editor({ agentId, name, saved }: EditorProps) {
  const loaded = useCall<{ file: FileRow }>("agents.files.get", { agentId, name });
  const text = useSignal<string | null>(null);
  const stored = loaded.value?.file.content ?? "";
  useEffect(() => {
    if (loaded.value && text.peek() === null) text.value = stored;
  }, [loaded.value]);
  const isChanged = text.value !== null && text.value !== stored;
  const save = async () => {
    const content = text.value ?? "";
    const hash = loaded.value?.file.hash;
    const params = { agentId, name, content, ...(hash && { expectedHash: hash }) };
    if ((await trying(client.call("agents.files.set", params))) === undefined) return;
    say(t("ui.saved"));
    await Promise.all([loaded.reload(), saved()]);
  };
  const discard = async () => {
    if (await ask(t("config.discard"), t("config.discard"))) text.value = stored;
  };
  return (
    <Await of={loaded}>
      {() => (
        <div class="section">
          <textarea
            class="editor"
            spellcheck={false}
            aria-label={name}
            value={text.value ?? ""}
            onInput={(event) => (text.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if ((event.ctrlKey || event.metaKey) && event.key === "s") {
                event.preventDefault();
                if (isChanged) void save();
              }
            }}
          />
          <div class="bar">
            <span class="muted grow">{isChanged ? t("agents.file.unsaved") : ""}</span>
            <button type="button" disabled={!isChanged} onClick={() => void discard()}>
              {t("config.discard")}
            </button>
            <button type="button" class="primary" disabled={!isChanged} onClick={() => void save()}>
              {t("ui.save")}
            </button>
          </div>
        </div>
      )}
    </Await>
  );
}
