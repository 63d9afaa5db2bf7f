// Questions whether a command may run: kept for every view, answered with one key.

import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "./i18n";
import { say, trying } from "./kit/toast";
import { showDirection } from "./markdown/blocks";
import { client, epoch, isOpen, methods } from "./state/gateway";
import { view } from "./state/route";

export interface Approval {
  id: string;
  createdAtMs: number;
  expiresAtMs: number;
  request: {
    command: string;
    cwd?: string | null;
    host?: string | null;
    agentId?: string | null;
    sessionKey?: string | null;
    resolvedPath?: string | null;
    security?: string | null;
    ask?: string | null;
  };
}

const EARLY_MS = 400;

export type Decision = "allow-once" | "allow-always" | "deny";

export const pendingApprovals = signal<Approval[]>([]);

export async function decide(id: string, decision: Decision): Promise<void> {
  const done = await trying(client.call("exec.approval.resolve", { id, decision }));
  if (done !== undefined) forget(id);
}

function forget(id: string): void {
  pendingApprovals.value = pendingApprovals.value.filter((it) => it.id !== id);
}

async function load(): Promise<void> {
  if (!client.has("exec.approval.list")) return;
  const found = await client.call<Approval[] | { approvals?: Approval[]; pending?: Approval[] }>(
    "exec.approval.list",
  );
  const list = Array.isArray(found) ? found : (found.approvals ?? found.pending ?? []);
  pendingApprovals.value = list.filter((it) => it.expiresAtMs > Date.now());
}

/** The oldest open question, over whatever view is shown. */
export function ApprovalWatch() {
  const canAnswer = methods.value.has("exec.approval.resolve");
  useEffect(() => {
    const stops = [
      client.on<Approval>("exec.approval.requested", (it) => {
        pendingApprovals.value = [...pendingApprovals.value.filter((old) => old.id !== it.id), it];
      }),
      client.on<{ id: string }>("exec.approval.resolved", (it) => forget(it.id)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const at = isOpen.value && canAnswer ? epoch.value : 0;
  useEffect(() => {
    if (at > 0) load().catch((error: Error) => say(error.message, "bad"));
  }, [at]);
  const first = pendingApprovals.value[0];
  // The view of all questions shows it anyway.
  if (!first || !canAnswer || view.value === "approvals") return null;
  return (
    <div class="approval-watch" role="alert">
      <ApprovalCard key={first.id} approval={first} takesKeys />
    </div>
  );
}

export function ApprovalCard({ approval, takesKeys }: { approval: Approval; takesKeys?: boolean }) {
  const { id, request } = approval;
  const now = useSignal(Date.now());
  const left = Math.max(0, Math.ceil((approval.expiresAtMs - now.value) / 1000));
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
      if (approval.expiresAtMs < Date.now()) forget(id);
    }, 1000);
    return () => clearInterval(timer);
  }, [id]);
  useEffect(() => {
    if (!takesKeys) return;
    const shownMs = Date.now();
    const onKey = (event: KeyboardEvent) => {
      // A key that was on its way when the question came is no answer to it.
      if (Date.now() - shownMs < EARLY_MS || event.ctrlKey || event.metaKey) return;
      // Who is typing answers with Alt.
      const at = event.target as HTMLElement | null;
      const isTyping = at?.closest("input, textarea, select, [contenteditable], dialog");
      if (isTyping && !event.altKey) return;
      if (event.code === "KeyA") void decide(id, event.shiftKey ? "allow-always" : "allow-once");
      else if (event.code === "KeyD") void decide(id, "deny");
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [id]);
  return (
    <article class="card approval">
      <header>
        <h2>{t("approvals.ask")}</h2>
        <span class="muted">{t("approvals.left", { n: left })}</span>
      </header>
      <pre tabIndex={0}>{showDirection(request.command)}</pre>
      <dl class="facts">
        {fact(t("approvals.for"), request.sessionKey ?? request.agentId)}
        {fact(t("approvals.in"), request.cwd)}
        {fact(t("approvals.host"), request.host)}
      </dl>
      <div class="buttons">
        <button type="button" class="primary" onClick={() => void decide(id, "allow-once")}>
          {t("approvals.once")} <kbd>A</kbd>
        </button>
        <button type="button" onClick={() => void decide(id, "allow-always")}>
          {t("approvals.always")} <kbd>⇧A</kbd>
        </button>
        <button type="button" class="danger" onClick={() => void decide(id, "deny")}>
          {t("approvals.deny")} <kbd>D</kbd>
        </button>
      </div>
    </article>
  );
}

function fact(name: string, value: string | null | undefined) {
  return value ? (
    <div>
      <dt>{name}</dt>
      <dd>{showDirection(value)}</dd>
    </div>
  ) : null;
}
