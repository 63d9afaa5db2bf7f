import { expect, test } from "vitest";
import { Offsets } from "../src/kit/virtual";
import first from "../src/locales/en.json";
import views from "../src/locales/en-views.json";
import zh from "../src/locales/zh.json";
import { nearness } from "../src/palette-fit";
import { parseLine } from "../src/state/log-line";
import { href, parsePlace } from "../src/state/route";

const en: Record<string, string> = { ...first, ...views };

test("both languages say the same things, with the same gaps to fill", () => {
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  const gaps = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(en)) {
    expect(gaps((zh as Record<string, string>)[key] ?? ""), key).toEqual(gaps(text));
  }
});

test("an address tells the view, below any base path", () => {
  expect(parsePlace("/", "", "/")).toEqual({ view: "chat", params: {} });
  expect(parsePlace("/ui/chat", "?session=agent:main:a.b", "/ui/")).toEqual({
    view: "chat",
    params: { session: "agent:main:a.b" },
  });
  expect(href("chat", { session: "agent:main:a b/c", x: undefined })).toBe(
    "/chat?session=agent:main:a+b%2Fc",
  );
});

test("a list of any length knows where its rows are", () => {
  const keys = Array.from({ length: 5_000 }, (_, n) => `k${n}`);
  const offsets = new Offsets(10);
  offsets.setKeys(keys);
  expect(offsets.total()).toBe(50_000);

  expect(offsets.setHeight("k0", 110)).toBe(100);
  expect(offsets.setHeight("k0", 110)).toBe(0);

  expect(offsets.top(1)).toBe(110);
  const [start, end] = offsets.range(1_000, 2_000);
  expect(offsets.top(start)).toBeLessThanOrEqual(1_000);
  expect(offsets.top(end)).toBeGreaterThanOrEqual(2_000);
  expect(end - start).toBeLessThan(110);
  offsets.setKeys(["new", ...keys]);
  expect(offsets.top(2)).toBe(120);
});

test("a log line is taken apart, whatever it is", () => {
  const line =
    '{"time":"2026-11-22T23:01:59.743Z","level":"warn","subsystem":"s","message":"m","a":1,"b":"x"}';
  expect(parseLine(line, "k")).toMatchObject({
    time: "23:01:59.743",
    level: "warn",
    subsystem: "s",
    message: "m",
    rest: "a=1 b=x",
  });
  for (const odd of ["plain", "[1]", "null", '{"level":7}']) {
    expect(parseLine(odd, "k").level).toBe("info");
  }
});

test("the palette finds by letters in order, the nearest first", () => {
  expect(nearness("Sandboxes", "sand")).toBe(0);
  expect(nearness("Overview", "ovw")).not.toBeNull();
  expect(nearness("Overview", "xyz")).toBeNull();
  expect(nearness("Logs", "log") ?? 9).toBeLessThan(nearness("Catalogue", "log") ?? 0);
});

const sources = import.meta.glob("../src/**/*.{ts,tsx}", {
  eager: true,
  query: "?raw",
  import: "default",
}) as Record<string, string>;

test("every word of the page is said somewhere", () => {
  const all = Object.values(sources).join("\n");
  const names = [...all.matchAll(/view\("(\w+)"/g)].map((found) => `nav.${found[1]}`);
  const made = /^(cmd|nav\.theme|section|config\.(kind|bad)|models\.(key|why))\./;
  const isSaid = (key: string) => all.includes(`"${key}"`) || names.includes(key) || made.test(key);

  expect(Object.keys(en).filter((key) => !isSaid(key))).toEqual([]);
});

test("the words of the first look are there from the start", () => {
  const later = Object.keys(views);
  const early = Object.entries(sources).filter(([path]) => !/src\/(views|config)\//.test(path));

  for (const [path, text] of early) {
    expect(
      later.filter((key) => text.includes(`"${key}"`)),
      path,
    ).toEqual([]);
  }
});
