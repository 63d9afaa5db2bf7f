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
  view(
    "overview",
    "nav.watch",
    [],
    lazy(() => import("./views/overview")),
  ),
  view(
    "sessions",
    "nav.watch",
    ["sessions.list"],
    lazy(() => import("./views/sessions")),
  ),
  view(
    "sandboxes",
    "nav.watch",
    ["sandbox.list"],
    lazy(() => import("./views/sandboxes")),
  ),
  view(
    "approvals",
    "nav.watch",
    ["exec.approval.resolve"],
    lazy(() => import("./views/approvals")),
  ),
  view("usage", "nav.watch", ["usage.cost", "sessions.usage"], lazy(() => import("./views/usage"))),
  view(
    "agents",
    "nav.people",
    ["agents.list"],
    lazy(() => import("./views/agents")),
  ),
  view(
    "models",
    "nav.people",
    ["models.list"],
    lazy(() => import("./views/models")),
  ),
  view(
    "devices",
    "nav.setup",
    ["device.pair.list"],
    lazy(() => import("./views/devices")),
  ),
  view(
    "config",
    "nav.setup",
    ["config.get"],
    lazy(() => import("./views/config")),
  ),
  view(
    "logs",
    "nav.setup",
    ["logs.tail"],
    lazy(() => import("./views/logs")),
  ),
  view(
    "debug",
    "nav.setup",
    [],
    lazy(() => import("./views/debug")),
  ),
];

function view(name: string, group: Key, needs: string[], body: View["body"]): View {
  return { name, title: `nav.${name}` as Key, group, icon: (name === "wizard" ? "skills" : name) as IconName, needs, body };
}

/** The views that this gateway can fill. */
export function available(): View[] {
  return VIEWS.filter((it) => it.needs.every((name) => methods.value.has(name)));
}
