// What this browser remembers: the token, the language, the theme. Passwords are not kept.

import { effect, signal } from "@preact/signals";

const KEY = "openclaw.control.settings.v1";
const DEVICE_KEY = "openclaw.control.device-token.v1";

export type Theme = "system" | "light" | "dark";
export type Language = "en" | "zh";

interface Kept {
  token?: string;
  theme?: Theme;
  language?: Language;
  sessionKey?: string;
  showThinking?: boolean;
}

function read(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Kept) : {};
  } catch {
    return {};
  }
}

const kept = read();

export const token = signal(kept.token ?? "");
export const password = signal("");
export const theme = signal<Theme>(kept.theme ?? "system");
export const language = signal<Language>(kept.language ?? preferred());
export const sessionKey = signal(kept.sessionKey ?? "");
export const showThinking = signal(kept.showThinking ?? false);

function preferred(): Language {
  const wanted = typeof navigator === "undefined" ? "en" : navigator.language;
  return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function deviceToken(): string {
  try {
    return localStorage.getItem(DEVICE_KEY) ?? "";
  } catch {
    return "";
  }
}

export function keepDeviceToken(value: string): void {
  try {
    localStorage.setItem(DEVICE_KEY, value);
  } catch {
    // A private window keeps nothing, and asks again next time.
  }
}

/** Keeps settings, and shows theme and language, from now on. */
export function remember(): void {
  effect(() => {
    const now: Kept = {
      ...read(),
      token: token.value,
      theme: theme.value,
      language: language.value,
      sessionKey: sessionKey.value,
      showThinking: showThinking.value,
    };
    try {
      localStorage.setItem(KEY, JSON.stringify(now));
    } catch {
      // As above.
    }
  });
  effect(() => {
    const root = document.documentElement;
    root.lang = language.value === "zh" ? "zh-CN" : "en";
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
}

/** Takes a token out of the address, and leaves no trace of it there. */
export function takeToken(): boolean {
  const hash = new URLSearchParams(location.hash.slice(1));
  const query = new URLSearchParams(location.search);
  const found = hash.get("token") ?? query.get("token");
  const secret = hash.get("password") ?? query.get("password");
  if (found === null && secret === null) return false;
  for (const params of [hash, query]) {
    params.delete("token");
    params.delete("password");
  }
  const search = query.size > 0 ? `?${query}` : "";
  const rest = hash.size > 0 ? `#${hash}` : "";
  history.replaceState(history.state, "", `${location.pathname}${search}${rest}`);
  if (found?.trim()) token.value = found.trim();
  if (secret) password.value = secret;
  return true;
}
