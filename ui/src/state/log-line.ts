// One line of the gateway's log. Pure.

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

export interface LogLine {
  key: string;
  raw: string;
  time: string;
  level: string;
  subsystem: string;
  message: string;
  /** The other fields, as `name=value`. */
  rest: string;
}

/** Reads a line; what is no JSON is shown as it is. */
export function parseLine(raw: string, key: string): LogLine {
  const plain = { key, raw, time: "", level: "info", subsystem: "", message: raw, rest: "" };
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return plain;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return plain;
  const { time, level, subsystem, message, ...others } = value as Record<string, unknown>;
  const rest = Object.entries(others)
    .map(([name, it]) => `${name}=${typeof it === "string" ? it : JSON.stringify(it)}`)
    .join(" ");
  return {
    key,
    raw,
    time: typeof time === "string" ? time.slice(11, 23) : "",
    level: typeof level === "string" && LEVELS.includes(level) ? level : "info",
    subsystem: typeof subsystem === "string" ? subsystem : "",
    message: typeof message === "string" ? message : "",
    rest,
  };
}
