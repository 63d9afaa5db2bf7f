// What one may do with a conversation as a whole.

import { t } from "../i18n";
import { ask } from "../kit/dialog";
import { trying } from "../kit/toast";
import { client } from "../state/gateway";
import { go } from "../state/route";
import { agentOf, loadSessions } from "../state/sessions";
import { load, sessionKey } from "./store";

/** Opens a conversation that is not there yet; the first message makes it. */
export function newSession(): void {
  const id = crypto.randomUUID().slice(0, 8);
  go("chat", { session: `agent:${agentOf(sessionKey.value)}:chat-${id}` });
}

export async function resetSession(): Promise<void> {
  if (!(await ask(t("chat.reset.ask"), t("chat.reset")))) return;
  const done = await trying(client.call("sessions.reset", { key: sessionKey.value }));
  if (done !== undefined) await load();
}

export async function patchSession(change: Record<string, string | null>): Promise<boolean> {
  const params = { key: sessionKey.value, ...change };
  const done = await trying(client.call("sessions.patch", params));
  await loadSessions();
  return done !== undefined;
}
