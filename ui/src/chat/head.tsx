// Above the messages: which conversation, which model, how much it thinks, what else one may do.

import { signal } from "@preact/signals";
import { t } from "../i18n";
import { Dialog } from "../kit/dialog";
import { count } from "../kit/format";
import { Icon } from "../kit/icons";
import { isPaletteOpen } from "../palette";
import { mainKey, methods } from "../state/gateway";
import { href } from "../state/route";
import {
  agentOf,
  agents,
  defaults,
  lacksModel,
  models,
  nameOf,
  sessions,
  shortKey,
} from "../state/sessions";
import { showThinking } from "../state/settings";
import { newSession, patchSession, resetSession } from "./actions";
import { sessionKey, thinkingLevel } from "./store";

export function agentName(key: string): string {
  const id = agentOf(key);
  const agent = agents.value.find((it) => it.id === id);
  return agent?.identity?.name ?? agent?.name ?? (id === "main" ? "OpenClaw" : id);
}

/** Whether the settings of the conversation are shown. */
export const isSettingsOpen = signal(false);

export function ChatHead({ openMenu }: { openMenu(): void }) {
  const key = sessionKey.value;
  const row = sessions.value.find((it) => it.key === key);
  const isMain = key === mainKey.value;
  const title = isMain ? t("chat.main") : row ? nameOf(row) : t("chat.new");
  const used = row?.totalTokens ?? 0;
  const room = row?.contextTokens ?? 0;
  return (
    <header class="chat-head">
      <button type="button" class="quiet only-phone" onClick={openMenu} aria-label={t("nav.menu")}>
        <Icon name="menu" />
      </button>
      <button
        type="button"
        class="chat-title"
        onClick={() => (isPaletteOpen.value = true)}
        title={t("chat.sessions")}
      >
        <b dir="auto">{title}</b>
        <small>
          {agentName(key)}
          {!isMain && ` · ${shortKey(key)}`}
        </small>
      </button>
      {room > 0 && used > 0 && (
        <span class="meter" title={t("chat.context", { n: `${count(used)} / ${count(room)}` })}>
          <meter min={0} max={room} value={used} aria-label={t("sessions.context")} />
          <small>{Math.round((used / room) * 100)}%</small>
        </span>
      )}
      <button type="button" class="quiet" onClick={newSession} title={t("chat.new")}>
        <Icon name="plus" />
        <span class="not-phone">{t("chat.new")}</span>
      </button>
      <button
        type="button"
        class="quiet"
        onClick={() => (isSettingsOpen.value = true)}
        title={t("chat.details")}
        aria-label={t("chat.details")}
      >
        <Icon name="config" />
      </button>
      {isSettingsOpen.value && <Settings close={() => (isSettingsOpen.value = false)} />}
    </header>
  );
}

/** Which model answers here, and how much it thinks. */
export function ModelButton() {
  const row = sessions.value.find((it) => it.key === sessionKey.value);
  const id = row?.model ?? defaults.value?.model;
  if (!id || lacksModel.value) return null;
  const name = models.value.find((it) => it.id === id)?.name ?? id;
  const thinks = thinkingLevel.value === "off" ? "" : ` · ${thinkingLevel.value}`;
  return (
    <button
      type="button"
      class="quiet small model"
      title={t("chat.modelAndThinking")}
      onClick={() => (isSettingsOpen.value = true)}
    >
      <span class="sr">{t("chat.modelAndThinking")}: </span>
      <span>{`${name}${thinks}`}</span>
      <Icon name="chevron" />
    </button>
  );
}

function Settings({ close }: { close(): void }) {
  const key = sessionKey.value;
  const row = sessions.value.find((it) => it.key === key);
  const usual = defaults.value;
  const chosen = row ? `${row.modelProvider}/${row.model}` : "";
  const usualName = usual ? `${usual.modelProvider}/${usual.model}` : "";
  const model = models.value.find((it) => `${it.provider}/${it.id}` === (chosen || usualName));
  const levels = model?.thinkingLevels ?? [{ id: "off", label: "off" }];
  const canPatch = methods.value.has("sessions.patch");
  return (
    <Dialog title={t("chat.details")} onClose={close}>
      <h2>{t("chat.details")}</h2>
      <p class="muted mono">{key}</p>
      <div class="form">
        <label>
          <span>{t("chat.model")}</span>
          <select
            disabled={!canPatch}
            value={chosen === usualName ? "" : chosen}
            onChange={(event) => void patchSession({ model: event.currentTarget.value || null })}
          >
            <option value="">{t("chat.model.default", { name: usualName || "–" })}</option>
            {models.value
              .map((it) => `${it.provider}/${it.id}`)
              .filter((name) => name !== usualName)
              .map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
          </select>
        </label>
        <label>
          <span>{t("chat.thinkingLevel")}</span>
          <select
            disabled={!canPatch || levels.length < 2}
            value={thinkingLevel.value}
            onChange={async (event) => {
              const level = event.currentTarget.value;
              if (await patchSession({ thinkingLevel: level })) thinkingLevel.value = level;
            }}
          >
            {levels.map((level) => (
              <option key={level.id} value={level.id}>
                {level.label}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={showThinking.value}
            onChange={(event) => (showThinking.value = event.currentTarget.checked)}
          />
          <span>{t("chat.showThoughts")}</span>
        </label>
      </div>
      <div class="buttons">
        {methods.value.has("sandbox.explain") && (
          <a class="button" href={href("sandboxes", { session: key })}>
            {t("sandboxes.policy")}
          </a>
        )}
        <button
          type="button"
          class="danger"
          onClick={() => {
            close();
            void resetSession();
          }}
        >
          {t("chat.reset")}
        </button>
        <button type="button" class="primary" onClick={close}>
          {t("ui.close")}
        </button>
      </div>
    </Dialog>
  );
}
