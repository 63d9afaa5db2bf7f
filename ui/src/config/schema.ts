// What a form needs to know of the schema: which control fits, and whether a value is good. Pure.

export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  pattern?: string;
  required?: string[];
}

export interface Hint {
  label?: string;
  help?: string;
  group?: string;
  order?: number;
  sensitive?: boolean;
  placeholder?: string;
}

export type Control =
  | "switch"
  | "choice"
  | "number"
  | "text"
  | "texts"
  | "checks"
  | "group"
  | "map"
  | "list"
  | "union"
  | "free";

const SCALARS: Control[] = ["text", "number", "switch", "choice"];

/** The control for a value. */
export function controlOf(schema: Schema): Control {
  if (schema.enum) return "choice";
  if (schema.anyOf) return unionOf(schema.anyOf);
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return "text";
  if (schema.type === "array") return listOf(schema.items ?? {});
  if (schema.type === "object") {
    if (schema.properties) return "group";
    if (typeof schema.additionalProperties === "object" && isKnown(schema.additionalProperties)) {
      return "map";
    }
  }
  return "free";
}

/** Scalars share one control; what has parts is chosen among. */
function unionOf(variants: Schema[]): Control {
  const controls = variants.map(controlOf);
  if (!controls.every((it) => SCALARS.includes(it))) return "union";
  const isChoice = controls.every((it) => it === "switch" || it === "choice");
  return isChoice ? "choice" : "text";
}

function listOf(items: Schema): Control {
  const control = controlOf(items);
  if (control === "text") return "texts";
  return control === "choice" ? "checks" : control === "free" ? "free" : "list";
}

/** Whether anything is said of a value at all. */
function isKnown(schema: Schema): boolean {
  return schema.type !== undefined || schema.anyOf !== undefined || schema.enum !== undefined;
}

/** What one may choose from. */
export function choicesOf(schema: Schema): unknown[] {
  if (schema.enum) return schema.enum;
  if (schema.type === "boolean") return [true, false];
  return (schema.anyOf ?? []).flatMap(choicesOf);
}

/** Which of the variants a value is; the first when it is none. */
export function variantOf(variants: Schema[], value: unknown): number {
  const at = variants.findIndex((it) => isOf(it, value));
  return Math.max(0, at);
}

function isOf(schema: Schema, value: unknown): boolean {
  if (schema.enum) return schema.enum.includes(value);
  if (schema.anyOf) return schema.anyOf.some((it) => isOf(it, value));
  switch (schema.type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
    case "number":
      return typeof value === "number";
    default:
      return typeof value === schema.type;
  }
}

/** The value of what was typed: a number where the schema takes one and it reads as one. */
export function typedValue(schema: Schema, typed: string): unknown {
  const takes = (kinds: string[]) =>
    (schema.anyOf ?? [schema]).some((it) => kinds.includes(String(it.type)));
  const isNumber = /^-?\d+(\.\d+)?$/.test(typed);
  return isNumber && takes(["number", "integer"]) ? Number(typed) : typed;
}

/** What a new item or entry begins with. */
export function blank(schema: Schema): unknown {
  const control = controlOf(schema);
  switch (control) {
    case "switch":
      return true;
    case "number":
      return schema.minimum ?? 0;
    case "choice":
      return choicesOf(schema)[0] ?? "";
    case "text":
      return "";
    case "texts":
    case "checks":
    case "list":
      return [];
    case "union":
      return blank(schema.anyOf?.[0] ?? {});
    case "group": {
      const needed = (schema.required ?? []).map((name) => {
        return [name, blank(schema.properties?.[name] ?? {})];
      });
      return Object.fromEntries(needed);
    }
    default:
      return {};
  }
}

/** What to call an item of a list: by what tells it apart. */
export function titleOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  const known = value as Record<string, unknown>;
  for (const name of ["id", "name", "label", "agentId", "path", "model", "channel", "command"]) {
    if (typeof known[name] === "string" && known[name]) return known[name];
  }
  return "";
}

export type Problem =
  | { code: "needed" }
  | { code: "number" }
  | { code: "integer" }
  | { code: "min"; n: number }
  | { code: "max"; n: number }
  | { code: "pattern" };

/** What is wrong with a plain value. */
export function problemOf(schema: Schema, value: unknown): Problem | null {
  if (schema.anyOf) {
    const problems = schema.anyOf.map((it) => problemOf(it, value));
    return problems.includes(null) ? null : (problems[0] ?? null);
  }
  if (schema.type === "integer" || schema.type === "number") {
    if (typeof value !== "number" || !Number.isFinite(value)) return { code: "number" };
    if (schema.type === "integer" && !Number.isInteger(value)) return { code: "integer" };
    const least = schema.minimum ?? schema.exclusiveMinimum;
    if (least !== undefined && value < least) return { code: "min", n: least };
    if (schema.maximum !== undefined && value > schema.maximum)
      return { code: "max", n: schema.maximum };
  }
  if (schema.pattern && typeof value === "string" && !new RegExp(schema.pattern).test(value)) {
    return { code: "pattern" };
  }
  return null;
}

/** `gateway.auth.token`, as hints and problems name it. */
export function dotted(path: (string | number)[]): string {
  return path.join(".");
}

/** A name as a person would write it: `maxBodyBytes` is `Max body bytes`. */
export function humane(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[-_]/g, " ");
  const lower = words.replace(/\b[A-Z][a-z]/g, (word) => word.toLowerCase());
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}
