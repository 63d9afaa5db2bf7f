// Which views there are, what the gateway must be able to do for each, and where their code is.

import type { Key } from "./i18n";
import type { IconName } from "./kit/icons";
import { lazy } from "./kit/lazy";
import { methods } from "./state/gateway";

export interface View {
  name: string;
  title: Key;
  group: Key;
  icon: IconName;
  /** Methods without which there is nothing to show. */
  needs: string[];
  body: ReturnType<typeof lazy>;
}

export const VIEWS: View[] = [
  view("overview", "nav.watch", [], () => import("./views/overview")),
  view("sessions", "nav.watch", ["sessions.list"], () => import("./views/sessions")),
  view("sandboxes", "nav.watch", ["sandbox.list"], () => import("./views/sandboxes")),
  view("approvals", "nav.watch", ["exec.approval.resolve"], () => import("./views/approvals")),
  view("usage", "nav.watch", ["usage.cost", "sessions.usage"], () => import("./views/usage")),
  view("agents", "nav.people", ["agents.list"], () => import("./views/agents")),
  view("skills", "nav.people", ["skills.status"], () => import("./views/skills")),
  view("models", "nav.people", ["models.list"], () => import("./views/models")),
  view("wizard", "nav.setup", ["wizard.start"], () => import("./views/setup")),
  view("devices", "nav.setup", ["device.pair.list"], () => import("./views/devices")),
  view("config", "nav.setup", ["config.get"], () => import("./views/config")),
  view("logs", "nav.setup", ["logs.tail"], () => import("./views/logs")),
  view("debug", "nav.setup", [], () => import("./views/debug")),
];

function view(name: string, group: Key, needs: string[], load: Parameters<typeof lazy>[0]): View {
  const icon = name as IconName;
  return { name, title: `nav.${name}` as Key, group, icon, needs, body: lazy(load) };
}

/** The views that this gateway can fill. */
export function available(): View[] {
  return VIEWS.filter((it) => it.needs.every((name) => methods.value.has(name)));
}
