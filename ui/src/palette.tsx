// One field to go anywhere and do anything, from any view.

import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { newSession } from "./chat/actions";
import { t } from "./i18n";
import { Dialog } from "./kit/dialog";
import { Icon, type IconName } from "./kit/icons";
import { nearness } from "./palette-fit";
import { go } from "./state/route";
import { nameOf, sessions } from "./state/sessions";
import { language, theme } from "./state/settings";
import { available } from "./views";

export const isPaletteOpen = signal(false);

interface Choice {
  id: string;
  group: string;
  text: string;
  hint?: string;
  icon: IconName;
  run(): void;
}

function choices(): Choice[] {
  const views = t("palette.views");
  const actions = t("palette.actions");
  const talks = t("palette.sessions");
  return [
    { id: "v:chat", group: views, text: t("nav.chat"), icon: "chat", run: () => go("chat") },
    ...available().map((it) => ({
      id: `v:${it.name}`,
      group: views,
      text: t(it.title),
      hint: it.name,
      icon: it.icon,
      run: () => go(it.name),
    })),
    { id: "a:new", group: actions, text: t("chat.new"), icon: "plus", run: newSession },
    {
      id: "a:theme",
      group: actions,
      text: t("nav.theme"),
      hint: "theme dark light",
      icon: "sun",
      run: () => (theme.value = theme.value === "dark" ? "light" : "dark"),
    },
    {
      id: "a:language",
      group: actions,
      text: t("nav.language"),
      hint: "language chinese english",
      icon: "globe",
      run: () => (language.value = language.value === "zh" ? "en" : "zh"),
    },
    ...sessions.value.map((row) => ({
      id: `s:${row.key}`,
      group: talks,
      text: nameOf(row),
      hint: row.key,
      icon: "sessions" as const,
      run: () => go("chat", { session: row.key }),
    })),
  ];
}

export function Palette() {
  return isPaletteOpen.value ? <Open /> : null;
}

function Open() {
  const typed = useSignal("");
  const chosen = useSignal(0);
  const list = useRef<HTMLDivElement>(null);
  const close = () => (isPaletteOpen.value = false);
  const wanted = typed.value.trim().toLowerCase();
  const found = choices()
    .map((choice) => ({ choice, score: nearness(`${choice.text} ${choice.hint ?? ""}`, wanted) }))
    .filter((it) => it.score !== null);
  if (wanted) found.sort((a, b) => (a.score ?? 0) - (b.score ?? 0));
  const shown = found.slice(0, 40).map((it) => it.choice);
  const at = Math.min(chosen.value, shown.length - 1);

  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const pick = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    choice.run();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") chosen.value = Math.min(at + 1, shown.length - 1);
    else if (event.key === "ArrowUp") chosen.value = Math.max(at - 1, 0);
    else if (event.key === "Enter") pick(shown[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t("nav.palette")} onClose={close} class="palette">
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown[at] ? `palette-${at}` : undefined}
        aria-label={t("nav.palette")}
        placeholder={t("palette.placeholder")}
        value={typed.value}
        onKeyDown={onKey}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          chosen.value = 0;
        }}
        autofocus
      />
      <div ref={list} id="palette-list" role="listbox" aria-label={t("nav.palette")}>
        {shown.map((choice, n) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={choice.id}
            id={`palette-${n}`}
            role="option"
            aria-selected={n === at}
            class="choice"
            onClick={() => pick(choice)}
            onMouseMove={() => (chosen.value = n)}
          >
            <Icon name={choice.icon} />
            <span dir="auto">{choice.text}</span>
            <small>{choice.group}</small>
          </div>
        ))}
        {shown.length === 0 && <p class="muted">{t("ui.noMatch")}</p>}
      </div>
      <p class="palette-hint">{t("palette.hint")}</p>
    </Dialog>
  );
}
