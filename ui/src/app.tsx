// The frame of the page: navigation at the side, the view beside it, what lies over both.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApprovalWatch } from "./approvals";
import { Chat } from "./chat/view";
import { Gate } from "./gate";
import { t } from "./i18n";
import { Questions } from "./kit/dialog";
import { Icon } from "./kit/icons";
import { Empty } from "./kit/load";
import { Toasts } from "./kit/toast";
import { LinkBar } from "./link-bar";
import { Nav } from "./nav";
import { isPaletteOpen, Palette } from "./palette";
import { hello, link } from "./state/gateway";
import { href, place, view } from "./state/route";
import { available } from "./views";

export const isMenuOpen = signal(false);

export function App() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        isPaletteOpen.value = !isPaletteOpen.value;
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => place.subscribe(() => (isMenuOpen.value = false)), []);

  // Who was in once sees the page, with what was typed, while the line is down.
  const isRefused = link.value.phase === "refused";
  if (isRefused || hello.value === null) return <Gate />;
  return (
    <div class={isMenuOpen.value ? "shell menu-open" : "shell"}>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        {t("app.skip")}
      </button>
      <Nav isOpen={isMenuOpen.value} close={() => (isMenuOpen.value = false)} />
      <div class="stage">
        {view.value !== "chat" && (
          <header class="phone-bar only-phone">
            <button
              type="button"
              class="quiet"
              onClick={() => (isMenuOpen.value = true)}
              aria-label={t("nav.menu")}
            >
              <Icon name="menu" />
            </button>
            <b>OpenClaw</b>
          </header>
        )}
        <LinkBar />
        <main id="main" tabIndex={-1}>
          <Body />
        </main>
      </div>
      <ApprovalWatch />
      <Palette />
      <Questions />
      <Toasts />
    </div>
  );
}

function Body() {
  const name = view.value;
  const found = available().find((it) => it.name === name);
  useEffect(() => {
    const title = name === "chat" ? t("nav.chat") : found ? t(found.title) : "";
    document.title = title ? `${title} · OpenClaw` : "OpenClaw";
  });
  if (name === "chat") return <Chat openMenu={() => (isMenuOpen.value = true)} />;
  if (!found) {
    return (
      <Empty icon="search" title={t("ui.notFound")} text={t("ui.notFound.text")}>
        <a class="button" href={href("chat")}>
          {t("ui.home")}
        </a>
      </Empty>
    );
  }
  const View = found.body;
  return <View key={name} />;
}
