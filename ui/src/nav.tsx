// The side bar: views, recent conversations, theme and language.

import { batch } from "@preact/signals";
import { pendingApprovals } from "./approvals";
import { sessionKey } from "./chat/store";
import { t } from "./i18n";
import { Icon } from "./kit/icons";
import { isPaletteOpen } from "./palette";
import { client, hello, mainKey } from "./state/gateway";
import { href, view } from "./state/route";
import { nameOf, sessions } from "./state/sessions";
import { language, theme, token } from "./state/settings";
import { available, type View } from "./views";

const RECENT = 8;
const THEMES = ["system", "light", "dark"] as const;

export function Nav({ isOpen, close }: { isOpen: boolean; close(): void }) {
  const views = available();
  const groups = [...new Set(views.map((it) => it.group))];
  return (
    <>
      <button
        type="button"
        class="scrim"
        aria-label={t("nav.close")}
        onClick={close}
        tabIndex={-1}
      />
      <nav class="nav" aria-label={t("nav.main")} data-open={isOpen}>
        <div class="brand">
          <img src="favicon.svg" alt="" width="24" height="24" />
          <b>OpenClaw</b>
          <button
            type="button"
            class="quiet only-phone"
            onClick={close}
            aria-label={t("nav.close")}
          >
            <Icon name="close" />
          </button>
        </div>
        <button type="button" class="palette-button" onClick={() => (isPaletteOpen.value = true)}>
          <Icon name="search" />
          <span>{t("nav.palette")}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <div class="nav-scroll">
          <a class="nav-item" href={href("chat")} aria-current={currency("chat")}>
            <Icon name="chat" />
            {t("nav.chat")}
          </a>
          <Recent />
          {groups.map((group) => (
            <section key={group}>
              <h2>{t(group)}</h2>
              {views
                .filter((it) => it.group === group)
                .map((it) => (
                  <Item key={it.name} view={it} />
                ))}
            </section>
          ))}
        </div>
        <Foot />
      </nav>
    </>
  );
}

function currency(name: string): "page" | undefined {
  return view.value === name ? "page" : undefined;
}

function Item({ view: it }: { view: View }) {
  const waiting = it.name === "approvals" ? pendingApprovals.value.length : 0;
  return (
    <a class="nav-item" href={href(it.name)} aria-current={currency(it.name)}>
      <Icon name={it.icon} />
      {t(it.title)}
      {waiting > 0 && <span class="badge">{waiting}</span>}
    </a>
  );
}

function Recent() {
  const shown = sessions.value.filter((row) => row.key !== mainKey.value).slice(0, RECENT);
  if (shown.length === 0) return null;
  const isHere = (key: string) => view.value === "chat" && sessionKey.value === key;
  return (
    <section class="recent" aria-label={t("nav.recent")}>
      {shown.map((row) => (
        <a
          key={row.key}
          class="nav-item sub"
          href={href("chat", { session: row.key })}
          aria-current={isHere(row.key) ? "true" : undefined}
          title={row.key}
        >
          <span dir="auto">{nameOf(row)}</span>
          {row.hasActiveRun && <i class="pulse" title={t("sessions.running")} />}
        </a>
      ))}
    </section>
  );
}

function Foot() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  const signOut = () => {
    batch(() => {
      token.value = "";
    });
    client.restart();
  };
  return (
    <div class="nav-foot">
      <button
        type="button"
        class="quiet"
        onClick={() => (theme.value = next)}
        title={t(`nav.theme.${theme.value}`)}
        aria-label={t(`nav.theme.${theme.value}`)}
      >
        <Icon name="sun" />
      </button>
      <button
        type="button"
        class="quiet"
        lang={language.value === "zh" ? "en" : "zh-CN"}
        onClick={() => (language.value = language.value === "zh" ? "en" : "zh")}
      >
        <Icon name="globe" />
        {t("nav.language")}
      </button>
      {token.value && (
        <button
          type="button"
          class="quiet"
          onClick={signOut}
          title={t("nav.signOut")}
          aria-label={t("nav.signOut")}
        >
          <Icon name="leave" />
        </button>
      )}
      <span class="version">{hello.value?.server.version}</span>
    </div>
  );
}
