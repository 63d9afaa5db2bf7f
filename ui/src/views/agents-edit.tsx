// An agent that is made or changed: its name and looks, its model, where it works.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { Dialog } from "../kit/dialog";
import { reloadSoon } from "../kit/load";
import { say, trying } from "../kit/toast";
import { client } from "../state/gateway";
import { go } from "../state/route";
import { type AgentRow, loadAgents, models } from "../state/sessions";

interface Props {
  /** `null` makes a new one. */
  agent: AgentRow | null;
  close(): void;
  changed(): Promise<void>;
}

export function EditAgent({ agent, close, changed }: Props) {
  const own = agent?.model?.primary ?? "";
  const name = useSignal(agent?.name ?? agent?.identity?.name ?? "");
  const emoji = useSignal(agent?.identity?.emoji ?? "");
  const avatar = useSignal(agent?.identity?.avatar ?? "");
  const model = useSignal(own);
  const workspace = useSignal("");
  const isBusy = useSignal(false);
  const title = agent ? t("agents.edit") : t("agents.new");
  const names = new Set([
    ...(own ? [own] : []),
    ...models.value.map((it) => `${it.provider}/${it.id}`),
  ]);

  const save = async (event: Event) => {
    event.preventDefault();
    const params: Record<string, string> = {};
    const put = (key: string, value: string, before: string) => {
      if (value.trim() !== before) params[key] = value.trim();
    };
    put("name", name.value, agent?.name ?? "");
    put("emoji", emoji.value, agent?.identity?.emoji ?? "");
    put("avatar", avatar.value, agent?.identity?.avatar ?? "");
    put("model", model.value, own);
    put("workspace", workspace.value, "");
    if (!params.name) delete params.name;
    isBusy.value = true;
    const call = agent
      ? client.call<{ agentId: string }>("agents.update", { agentId: agent.id, ...params })
      : client.call<{ agentId: string }>("agents.create", params);
    const done = await trying(call);
    isBusy.value = false;
    if (!done) return;
    say(agent ? t("ui.saved") : t("agents.made"));
    close();
    go("agents", { agent: done.agentId });
    void reloadSoon(() => Promise.all([changed(), loadAgents()]));
  };

  return (
    <Dialog title={title} onClose={close}>
      <h2>{title}</h2>
      <form class="form" onSubmit={(event) => void save(event)}>
        <Line label={t("agents.name")} of={name} isNeeded={!agent} />
        <div class="form-pair">
          <Line label={t("agents.emoji")} of={emoji} hint="🦀" />
          <Line label={t("agents.avatar")} of={avatar} hint={t("agents.avatar.hint")} />
        </div>
        <label>
          <span>{t("agents.model")}</span>
          <select
            value={model.value}
            onChange={(event) => (model.value = event.currentTarget.value)}
          >
            {!own && <option value="">{t("ui.default")}</option>}
            {[...names].map((it) => (
              <option key={it}>{it}</option>
            ))}
          </select>
        </label>
        <Line
          label={t("agents.workspace")}
          of={workspace}
          hint={agent?.workspace ?? t("agents.workspace.hint")}
        />
        <div class="buttons">
          <button type="button" onClick={close}>
            {t("ui.cancel")}
          </button>
          <button type="submit" class="primary" disabled={isBusy.value}>
            {agent ? t("ui.save") : t("agents.make")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface LineProps {
  label: string;
  of: { value: string };
  hint?: string;
  isNeeded?: boolean;
}

function Line({ label, of, hint, isNeeded }: LineProps) {
  return (
    <label>
      <span>{label}</span>
      <input
        required={isNeeded}
        spellcheck={false}
        placeholder={hint}
        value={of.value}
        onInput={(event) => (of.value = event.currentTarget.value)}
      />
    </label>
  );
}
