// What a view shows while it waits for the gateway, when that failed, and when there is nothing.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useCallback, useEffect } from "preact/hooks";
import { t } from "../i18n";
import { client, epoch, isOpen } from "../state/gateway";
import { Icon, type IconName } from "./icons";

export interface Loaded<R> {
  value: R | null;
  error: string;
  reload(): Promise<void>;
  set(value: R): void;
}

/** The answer to a call, asked again with each connection and every `everyMs`. */
export function useCall<R>(method: string, params: object = {}, everyMs = 0): Loaded<R> {
  const value: Signal<R | null> = useSignal<R | null>(null);
  const error = useSignal("");
  const asked = JSON.stringify(params);
  const reload = useCallback(async () => {
    try {
      value.value = await client.call<R>(method, JSON.parse(asked));
      error.value = "";
    } catch (cause) {
      if (value.peek() === null) error.value = (cause as Error).message;
    }
  }, [method, asked]);
  const at = isOpen.value ? epoch.value : 0;
  useEffect(() => {
    if (at === 0) return;
    void reload();
    if (everyMs === 0) return;
    let isBusy = false;
    const timer = setInterval(async () => {
      // A slow answer is waited for, not asked for again.
      if (document.visibilityState !== "visible" || isBusy) return;
      isBusy = true;
      await reload();
      isBusy = false;
    }, everyMs);
    return () => clearInterval(timer);
  }, [at, reload, everyMs]);
  const set = (now: R) => {
    value.value = now;
  };
  return { value: value.value, error: error.value, reload, set };
}

/** When the gateway has taken up a change of its configuration, at the latest. */
const TAKEN_UP_MS = [350, 500, 1_000, 2_000];

/** Loads again until a change of the configuration can be seen. */
export async function reloadSoon(reload: () => Promise<unknown>): Promise<void> {
  for (const ms of TAKEN_UP_MS) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await reload();
  }
}

interface Props<R> {
  of: Loaded<R>;
  children(value: R): ComponentChildren;
}

export function Await<R>({ of, children }: Props<R>) {
  if (of.value !== null) return <>{children(of.value)}</>;
  if (of.error) {
    return (
      <Empty icon="warn" title={t("ui.failed")} text={of.error}>
        <button type="button" onClick={() => void of.reload()}>
          {t("ui.retry")}
        </button>
      </Empty>
    );
  }
  return <Skeleton />;
}

/** Grey lines where text will be. They show only when waiting takes long enough to be seen. */
export function Skeleton() {
  return (
    <div class="skeleton" role="status" aria-label={t("ui.loading")}>
      <i />
      <i />
      <i />
    </div>
  );
}

interface EmptyProps {
  icon: IconName;
  title: string;
  text?: string;
  children?: ComponentChildren;
}

export function Empty({ icon, title, text, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children && <div class="buttons">{children}</div>}
    </div>
  );
}

interface PageProps {
  title: string;
  lead?: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}

/** The frame of a view. */
export function Page({ title, lead, actions, children, wide }: PageProps) {
  return (
    <div class={wide ? "page wide" : "page"}>
      <header class="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="buttons">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
