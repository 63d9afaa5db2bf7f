import { expect, test } from "vitest";
import { changedCount, diff } from "../src/config/diff";
import { jsonOf, parse, remove, SyntaxProblem, set } from "../src/config/json5";
import { controlOf, humane, problemOf } from "../src/config/schema";

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
  expect(controlOf({ type: "boolean" })).toBe("switch");
  expect(controlOf({ type: "string", enum: ["a"] })).toBe("choice");
  expect(controlOf({ type: "array", items: { type: "string" } })).toBe("texts");
  expect(controlOf({ type: "array", items: { type: "object" } })).toBe("raw");
  expect(controlOf({ anyOf: [{ type: "string" }, { type: "object", properties: {} }] })).toBe(
    "raw",
  );
  expect(controlOf({ anyOf: [{ type: "string" }, { type: "number" }] })).toBe("text");
  expect(controlOf({ type: "object", additionalProperties: { type: "string" } })).toBe("map");
  expect(controlOf({})).toBe("raw");
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
