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

export type Control = "switch" | "choice" | "number" | "text" | "texts" | "group" | "map" | "raw";

/** The control for a value: what is too free for one is edited as text. */
export function controlOf(schema: Schema): Control {
  if (schema.enum) return "choice";
  if (schema.anyOf) {
    const simple = schema.anyOf.find((it) =>
      ["text", "number", "switch", "choice"].includes(controlOf(it)),
    );
    const isMixed = schema.anyOf.some((it) =>
      ["group", "map", "texts", "raw"].includes(controlOf(it)),
    );
    return simple && !isMixed ? controlOf(simple) : "raw";
  }
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return "text";
  if (schema.type === "array") return schema.items?.type === "string" ? "texts" : "raw";
  if (schema.type === "object") {
    if (schema.properties) return "group";
    if (typeof schema.additionalProperties === "object") return "map";
  }
  return "raw";
}

export type Problem =
  | { code: "number" }
  | { code: "integer" }
  | { code: "min"; n: number }
  | { code: "max"; n: number }
  | { code: "pattern" };

/** What is wrong with a plain value. */
export function problemOf(schema: Schema, value: unknown): Problem | null {
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
