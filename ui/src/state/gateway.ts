// The one connection of the page, and what holds for the gateway as a whole.

import { computed, signal } from "@preact/signals";
import { Client } from "../gateway/client";
import type { Health, Hello, Presence } from "../gateway/frames";
import { base } from "./route";
import { deviceToken, keepDeviceToken, password, token } from "./settings";

function socketUrl(): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${base}`;
}

export const client = new Client({
  url: typeof location === "undefined" ? "" : socketUrl(),
  secrets: () => ({ token: token.value, password: password.value, deviceToken: deviceToken() }),
  keepDeviceToken,
  version: "1.0.0",
});

export const link = client.link;
export const hello = client.hello;
export const isOpen = computed(() => link.value.phase === "open");
export const health = signal<Health | null>(null);
export const presence = signal<Presence[]>([]);
/** When the gateway was started, by our clock. */
export const startedMs = signal(0);
/** Counts connections, so that what was loaded in an older one is loaded anew. */
export const epoch = signal(0);

export const methods = computed(() => new Set(hello.value?.features.methods ?? []));

export const mainKey = computed(
  () => hello.value?.snapshot.sessionDefaults?.mainSessionKey ?? "agent:main:main",
);

/** Listens to what concerns everything. */
export function listen(): void {
  client.on<Health>("health", (payload) => {
    health.value = payload;
  });
  client.on<{ presence: Presence[] }>("presence", (payload) => {
    presence.value = payload.presence;
  });
  let last: Hello | null = null;
  client.hello.subscribe((now) => {
    if (!now || now === last) return;
    last = now;
    health.value = now.snapshot.health ?? null;
    presence.value = now.snapshot.presence ?? [];
    startedMs.value = Date.now() - now.snapshot.uptimeMs;
    epoch.value += 1;
  });
  const retry = () => {
    if (document.visibilityState === "visible" && link.value.phase === "waiting") client.start();
  };
  document.addEventListener("visibilitychange", retry);
  addEventListener("online", retry);
}
