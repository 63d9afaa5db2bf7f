import { expect, test } from "vitest";
import { changedCount, diff } from "../src/config/diff";
import { jsonOf, parse, remove, SyntaxProblem, set, swap } from "../src/config/json5";
import {
  blank,
  controlOf,
  humane,
  problemOf,
  type Schema,
  titleOf,
  typedValue,
  variantOf,
} from "../src/config/schema";

const TEXT = `// mine
{
  gateway: { port: 18789, auth: { token: 'x' } }, // the port
  /* models */
  models: {
    list: ["a", 'b',],
  },
}
`;

const read = (text: string) => jsonOf(parse(text));

test("JSON5 is read with comments, bare names and trailing commas", () => {
  expect(read(TEXT)).toEqual({
    gateway: { port: 18789, auth: { token: "x" } },
    models: { list: ["a", "b"] },
  });
  expect(read("[+1, -.5, 0x1F, 1e3, 'it\\'s', \"\\u0041\\\n\"]")).toEqual([
    1,
    -0.5,
    31,
    1000,
    "it's",
    "A",
  ]);
});

test("what cannot be read is told with its line", () => {
  for (const [text, line] of [
    ["{", 1],
    ["{\n a b }", 2],
    ["{a:1}\n\n!", 3],
    ['{a: "x\n"}', 1],
  ] as const) {
    try {
      parse(text);
      expect.fail(text);
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxProblem);
      expect((error as SyntaxProblem).line, text).toBe(line);
    }
  }
  expect(() => parse("[".repeat(10_000))).toThrow(SyntaxProblem);
});

test("a value is changed, and the rest of the text stays", () => {
  expect(set(TEXT, ["gateway", "port"], 1)).toBe(TEXT.replace("18789", "1"));
});

test("what is missing is made, in the manner of the text around", () => {
  const made = set(set(TEXT, ["models", "mode"], "merge"), ["logging", "level"], "debug");

  expect(read(made)).toEqual({
    gateway: { port: 18789, auth: { token: "x" } },
    models: { list: ["a", "b"], mode: "merge" },
    logging: { level: "debug" },
  });
  expect(made).toContain("// the port");
  expect(made).toContain("/* models */");
  expect(read(set("{}", ["a", "b"], [1]))).toEqual({ a: { b: [1] } });
  expect(read(set('{ "a": 1 }', ["b"], 2))).toEqual({ a: 1, b: 2 });
  expect(read(set("{ a: 1, }", ["b"], 2))).toEqual({ a: 1, b: 2 });
  expect(read(set("{\n  // nothing yet\n}", ["b"], 2))).toEqual({ b: 2 });
  expect(set("{\n  // nothing yet\n}", ["b"], 2)).toContain("nothing yet");
  expect(read(set("{a: 1}", ["a", "b"], 2))).toEqual({ a: { b: 2 } });
});

test("what is removed is gone, and nothing else", () => {
  expect(read(remove(TEXT, ["gateway", "port"]))).toEqual({
    gateway: { auth: { token: "x" } },
    models: { list: ["a", "b"] },
  });
  expect(read(remove(TEXT, ["gateway", "auth"]))).toEqual({
    gateway: { port: 18789 },
    models: { list: ["a", "b"] },
  });
  expect(read(remove(TEXT, ["models", "list", 0]))).toEqual({
    gateway: { port: 18789, auth: { token: "x" } },
    models: { list: ["b"] },
  });
  expect(remove(TEXT, ["no", "such"])).toBe(TEXT);
});

test("edits of any kind leave text that can be read", () => {
  let text = TEXT;
  const paths = [
    ["a"],
    ["a", "b"],
    ["models", "x", "y"],
    ["gateway", "port"],
    ["gateway", "auth", "mode"],
  ];
  for (let n = 0; n < 60; n += 1) {
    const path = paths[n % paths.length] as string[];
    text = n % 3 === 2 ? remove(text, path) : set(text, path, n % 2 ? { deep: [n] } : n);
    expect(() => parse(text), text).not.toThrow();
  }
});

test("a diff shows what changed and little around it", () => {
  const before = Array.from({ length: 40 }, (_, n) => `line ${n}`).join("\n");
  const lines = diff(before, before.replace("line 20", "LINE 20\nline 20b"));

  expect(changedCount(lines)).toBe(3);
  expect(lines.filter((line) => line.kind === "add").map((line) => line.text)).toEqual([
    "LINE 20",
    "line 20b",
  ]);
  expect(lines.length).toBeLessThan(14);
  expect(changedCount(diff("a\nb", "a\nb"))).toBe(0);
});

test("each setting gets the control that fits", () => {
  const text = { type: "string" };
  const number = { type: "number" };
  const group = { type: "object", properties: { id: text } };
  const cases: [Schema, string][] = [
    [{ type: "boolean" }, "switch"],
    [{ type: "integer" }, "number"],
    [{ ...text, enum: ["a"] }, "choice"],
    [{ anyOf: [{ type: "boolean" }, { enum: ["auto"] }] }, "choice"],
    [{ anyOf: [text, number] }, "text"],
    [{ anyOf: [text, group] }, "union"],
    [{ type: "array", items: text }, "texts"],
    [{ type: "array", items: { anyOf: [text, number] } }, "texts"],
    [{ type: "array", items: { enum: ["a"] } }, "checks"],
    [{ type: "array", items: group }, "list"],
    [{ type: "array" }, "free"],
    [group, "group"],
    [{ type: "object", additionalProperties: group }, "map"],
    [{ type: "object", additionalProperties: {} }, "free"],
    [{ type: "object" }, "free"],
    [{}, "free"],
  ];
  for (const [schema, control] of cases) {
    expect(controlOf(schema), JSON.stringify(schema)).toBe(control);
  }
});

test("what is new begins with what it needs, and a value knows its variant", () => {
  const group = {
    type: "object",
    properties: { id: { type: "string" }, n: { type: "integer", minimum: 2 }, x: {} },
    required: ["id", "n"],
  };
  expect(blank(group)).toEqual({ id: "", n: 2 });
  expect(blank({ type: "array", items: group })).toEqual([]);
  expect(blank({ anyOf: [{ type: "string" }, group] })).toBe("");
  expect(variantOf([{ type: "string" }, group], { id: "a" })).toBe(1);
  expect(variantOf([{ type: "string" }, group], "a")).toBe(0);
  expect(typedValue({ anyOf: [{ type: "string" }, { type: "number" }] }, "12")).toBe(12);
  expect(typedValue({ anyOf: [{ type: "string" }, { type: "number" }] }, "12m")).toBe("12m");
  expect(typedValue({ type: "string" }, "12")).toBe("12");
  expect(titleOf({ x: 1, name: "n" })).toBe("n");
});

test("text without commas at the end stays so, and text with them too", () => {
  const plain = '{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}\n';

  const made = set(set(plain, ["b", "d"], 3), ["e"], {});

  expect(JSON.parse(made)).toEqual({ a: 1, b: { c: 2, d: 3 }, e: {} });
  expect(remove(remove(made, ["e"]), ["b", "d"])).toBe(plain);
  expect(set("{\n  a: 1,\n}", ["b"], 2)).toBe('{\n  a: 1,\n  "b": 2,\n}'.replace('"b"', "b"));
});

test("two items of a list change places, and their comments stay where they are", () => {
  const list = "{ a: [\n  { id: 1 }, // first\n  { id: 2 },\n] }";

  const swapped = swap(list, ["a"], 1, 0);

  expect(swapped).toBe("{ a: [\n  { id: 2 }, // first\n  { id: 1 },\n] }");
  expect(swap(list, ["a"], 0, 9)).toBe(list);
  expect(swap(list, ["b"], 0, 1)).toBe(list);
});

test("a value outside of its bounds is told", () => {
  const port = { type: "integer", minimum: 1, maximum: 65535 };
  expect(problemOf(port, 80)).toBeNull();
  expect(problemOf(port, 0)).toEqual({ code: "min", n: 1 });
  expect(problemOf(port, 1.5)).toEqual({ code: "integer" });
  expect(problemOf(port, Number.NaN)).toEqual({ code: "number" });
});

test("names are made readable", () => {
  expect(humane("maxBodyBytes")).toBe("Max body bytes");
  expect(humane("controlUi")).toBe("Control ui");
});
