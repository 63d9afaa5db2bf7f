// Slash commands: which there are, and which fit what is typed.

import { signal } from "@preact/signals";
import { type Key, t } from "../i18n";
import { client } from "../state/gateway";

export interface SlashCommand {
  name: string;
  /** What may follow. */
  choices?: string[];
  /** What it does, in the gateway's words. */
  about?: string;
}

/** What every gateway knows; `commands.list` tells of more. */
export const COMMANDS: SlashCommand[] = [
  { name: "status" },
  { name: "new" },
  { name: "reset" },
  { name: "stop" },
  { name: "model" },
  { name: "think", choices: ["off", "minimal", "low", "medium", "high", "xhigh"] },
  { name: "verbose", choices: ["off", "on", "full"] },
  { name: "reasoning", choices: ["off", "on", "stream"] },
  { name: "queue", choices: ["steer", "followup", "collect", "steer-backlog", "interrupt"] },
  { name: "compact" },
  { name: "whoami" },
  { name: "help" },
];

/** The commands of this gateway. */
export const commands = signal<SlashCommand[]>(COMMANDS);

interface Listed {
  name: string;
  description?: string;
  args?: { choices?: { value: string }[] }[];
}

/** Asks the gateway for its commands. */
export async function loadCommands(): Promise<void> {
  if (!client.has("commands.list")) return;
  const found = await client.call<{ commands: Listed[] }>("commands.list").catch(() => null);
  if (!found || found.commands.length === 0) return;
  const listed = found.commands.map(({ name, description, args }): SlashCommand => {
    const choices = args?.[0]?.choices?.map((it) => it.value) ?? [];
    return {
      name,
      ...(choices.length > 0 && { choices }),
      ...(description && { about: description }),
    };
  });
  // Those that people use most stay at the top.
  const rank = (it: SlashCommand) => COMMANDS.findIndex((known) => known.name === it.name) >>> 0;
  commands.value = listed.sort((a, b) => rank(a) - rank(b));
}

/** What a command does, in the language of the page where it has words for it. */
export function about(name: string): string {
  const key = `cmd.${name}`;
  const said = t(key as Key);
  return said === key ? (commands.value.find((it) => it.name === name)?.about ?? "") : said;
}

/** What could complete `text`, best first; nothing when it is no command. */
export function completions(text: string, commands: SlashCommand[] = COMMANDS): string[] {
  if (!text.startsWith("/") || text.includes("\n")) return [];
  const space = text.indexOf(" ");
  if (space < 0) {
    const typed = text.slice(1).toLowerCase();
    return commands.filter((it) => it.name.startsWith(typed)).map((it) => `/${it.name}`);
  }
  const command = commands.find((it) => it.name === text.slice(1, space).toLowerCase());
  const typed = text.slice(space + 1).toLowerCase();
  return (command?.choices ?? [])
    .filter((choice) => choice.startsWith(typed) && choice !== typed)
    .map((choice) => `/${command?.name} ${choice}`);
}
