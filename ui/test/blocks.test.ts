import { expect, test } from "vitest";
import { Blocks, dropOverrides, LINE_CHARS_MAX, showDirection } from "../src/markdown/blocks";

const TEXT = [
  "# Head",
  "A paragraph\nof two lines.",
  "- a\n- b\n\n  of b",
  "```js\nlet x = 1;\n\nlet y = 2;\n```",
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "> quoted\n> twice",
  "The end.",
].join("\n\n");

const raws = (text: string, reader = new Blocks()) =>
  reader.read(text).map((block) => block.raw.trim());

test("text that comes in pieces ends as text that comes at once", () => {
  for (const step of [1, 3, 7, 50]) {
    const reader = new Blocks();
    for (let end = step; end < TEXT.length; end += step) reader.read(TEXT.slice(0, end));

    expect(raws(TEXT, reader), `step ${step}`).toEqual(raws(TEXT));
  }
});

test("finished blocks stay the same objects", () => {
  const reader = new Blocks();
  const before = reader.read(TEXT.slice(0, TEXT.indexOf("> quoted")));
  const after = reader.read(TEXT);

  expect(after[0]).toBe(before[0]);
  expect(after[3]).toBe(before[3]);
  expect(after.map((block) => block.kind)).toEqual([
    "markdown",
    "markdown",
    "markdown",
    "code",
    "table",
    "markdown",
    "markdown",
  ]);
});

test("another text starts over", () => {
  const reader = new Blocks();
  reader.read("# One\n\nfirst\n\nmore");

  expect(raws("Other", reader)).toEqual(["Other"]);
});

test("a fence that is not closed yet is open", () => {
  const blocks = (text: string) =>
    new Blocks().read(text).map((it) => it.kind === "code" && it.isOpen);

  expect(blocks("```js\nlet x")).toEqual([true]);
  expect(blocks("```js\nlet x\n```")).toEqual([false]);
});

test("an endless line is read as it is, and in no time", () => {
  const began = performance.now();
  const blocks = new Blocks().read(`ok\n\n${"*_[`<b>".repeat(200_000)}`);

  expect(blocks.map((block) => block.kind)).toEqual(["plain"]);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(LINE_CHARS_MAX).toBeLessThan(20_000);
});

test("marks of direction are shown, and overrides dropped from prose", () => {
  expect(showDirection("a\u202eb\u2066")).toBe("a⟨U+202E⟩b⟨U+2066⟩");
  expect(dropOverrides("a\u202eb\u202d")).toBe("ab");
});
