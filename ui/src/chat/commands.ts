// Slash commands: which there are, and which fit what is typed.

export interface SlashCommand {
  name: string;
  /** What may follow. */
  choices?: string[];
}

/** What every gateway knows; `commands.list` may tell of more. */
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
