// Reads JSON5 and remembers where everything stands, so that one value can be changed and the rest
// of the text, comments too, stays as it is. Pure.

export type Node =
  | { kind: "object"; start: number; end: number; members: Member[] }
  | { kind: "array"; start: number; end: number; items: Node[] }
  | { kind: "value"; start: number; end: number; value: string | number | boolean | null };

export interface Member {
  key: string;
  start: number;
  value: Node;
}

export class SyntaxProblem extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(message);
  }
}

export type Path = (string | number)[];

const IDENTIFIER = /[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$\u200c\u200d]*/uy;
const NUMBER = /[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y;
const BLANK = /(?:[\s\ufeff]|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)*/y;
const DEPTH_MAX = 200;

export function parse(text: string): Node {
  return new Reader(text).whole();
}

class Reader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  whole(): Node {
    this.blank();
    const node = this.value();
    this.blank();
    if (this.at < this.text.length) this.fail(`unexpected \`${this.text[this.at]}\``);
    return node;
  }

  private value(): Node {
    const start = this.at;
    const c = this.text[start];
    if (c === "{" || c === "[") {
      if (++this.depth > DEPTH_MAX) this.fail("too deep");
      const node = c === "{" ? this.object() : this.array();
      this.depth -= 1;
      return node;
    }
    if (c === '"' || c === "'") return this.leaf(start, this.string());
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.text.startsWith(word, start)) {
        this.at += word.length;
        return this.leaf(start, value);
      }
    }
    const number = this.match(NUMBER);
    if (number !== null) return this.leaf(start, toNumber(number));
    return this.fail(c === undefined ? "the text ends too early" : `unexpected \`${c}\``);
  }

  private leaf(start: number, value: string | number | boolean | null): Node {
    return { kind: "value", start, end: this.at, value };
  }

  private object(): Node {
    const start = this.at++;
    const members: Member[] = [];
    for (;;) {
      this.blank();
      if (this.text[this.at] === "}") break;
      const keyStart = this.at;
      const c = this.text[this.at];
      const key = c === '"' || c === "'" ? this.string() : this.match(IDENTIFIER);
      if (key === null) this.fail("a name is missing");
      this.blank();
      if (this.text[this.at] !== ":") this.fail("`:` is missing");
      this.at += 1;
      this.blank();
      members.push({ key: key as string, start: keyStart, value: this.value() });
      this.blank();
      if (this.text[this.at] === ",") this.at += 1;
      else if (this.text[this.at] !== "}") this.fail("`,` or `}` is missing");
    }
    this.at += 1;
    return { kind: "object", start, end: this.at, members };
  }

  private array(): Node {
    const start = this.at++;
    const items: Node[] = [];
    for (;;) {
      this.blank();
      if (this.text[this.at] === "]") break;
      items.push(this.value());
      this.blank();
      if (this.text[this.at] === ",") this.at += 1;
      else if (this.text[this.at] !== "]") this.fail("`,` or `]` is missing");
    }
    this.at += 1;
    return { kind: "array", start, end: this.at, items };
  }

  private string(): string {
    const quote = this.text[this.at++];
    let made = "";
    for (;;) {
      const c = this.text[this.at++];
      if (c === undefined || c === "\n" || c === "\r") {
        this.at -= 1;
        return this.fail("a string has no end");
      }
      if (c === quote) return made;
      made += c === "\\" ? this.escape() : c;
    }
  }

  private escape(): string {
    const c = this.text[this.at++] ?? "";
    const plain: Record<string, string> = {
      b: "\b",
      f: "\f",
      n: "\n",
      r: "\r",
      t: "\t",
      v: "\v",
      "0": "\0",
      "\n": "",
    };
    if (c === "\r") {
      if (this.text[this.at] === "\n") this.at += 1;
      return "";
    }
    if (c === "u" || c === "x") {
      const length = c === "u" ? 4 : 2;
      const digits = this.text.slice(this.at, this.at + length);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length < length) this.fail("a bad escape");
      this.at += length;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    return plain[c] ?? c;
  }

  private blank(): void {
    this.match(BLANK);
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return null;
    this.at += found[0].length;
    return found[0];
  }

  private fail(message: string): never {
    const before = this.text.slice(0, this.at).split("\n");
    throw new SyntaxProblem(message, before.length, (before.at(-1)?.length ?? 0) + 1);
  }
}

function toNumber(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[+-]/, "");
  return sign * Number(digits);
}

/** The value of a node, as JSON. */
export function jsonOf(node: Node): unknown {
  if (node.kind === "value") return node.value;
  if (node.kind === "array") return node.items.map(jsonOf);
  return Object.fromEntries(node.members.map((it) => [it.key, jsonOf(it.value)]));
}

export function find(node: Node, path: Path): Node | null {
  let here: Node | null = node;
  for (const step of path) {
    if (here?.kind === "object")
      here = here.members.findLast((it) => it.key === step)?.value ?? null;
    else if (here?.kind === "array") here = here.items[step as number] ?? null;
    else return null;
  }
  return here;
}

/** The text with `value` at `path`; what is missing on the way there is made. */
export function set(text: string, path: Path, value: unknown): string {
  const root = parse(text);
  let depth = path.length;
  while (depth > 0 && find(root, path.slice(0, depth)) === null) depth -= 1;
  const node = find(root, path.slice(0, depth));
  if (!node) return text;
  if (depth === path.length) {
    const made = print(value, indentAt(text, node.start));
    return text.slice(0, node.start) + made + text.slice(node.end);
  }
  const missing = path
    .slice(depth + 1)
    .reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
  const step = path[depth];
  if (node.kind === "object") return addMember(text, node, String(step), missing);
  if (node.kind === "array") return addItem(text, node, missing);
  // A plain value stands where a group is wanted.
  return set(text, path.slice(0, depth), { [String(step)]: missing });
}

/** The text without what is at `path`. */
export function remove(text: string, path: Path): string {
  const root = parse(text);
  const parent = find(root, path.slice(0, -1));
  const step = path.at(-1);
  if (!parent || parent.kind === "value") return text;
  const spans =
    parent.kind === "object"
      ? parent.members.map((it) => ({
          key: it.key as string | number,
          start: it.start,
          end: it.value.end,
        }))
      : parent.items.map((it, n) => ({ key: n as string | number, start: it.start, end: it.end }));
  const at = spans.findIndex((it) => it.key === step);
  const span = spans[at];
  if (!span) return text;
  const after = /^[^\S\n]*,?[^\S\n]*(?:\/\/[^\n]*)?/.exec(text.slice(span.end))?.[0] ?? "";
  let end = span.end + after.length;
  let start = span.start;
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const isOwnLine =
    text.slice(lineStart, start).trim() === "" && (text[end] === "\n" || end >= text.length);
  if (isOwnLine) {
    start = lineStart;
    end = Math.min(text.length, end + 1);
  } else if (at > 0 && !after.includes(",")) {
    // The last of one line takes the comma before it along.
    start = text.lastIndexOf(",", start);
    end = span.end;
  }
  const before = at > 0 && at === spans.length - 1 ? (spans[at - 1]?.end ?? 0) : 0;
  const comma = before > 0 && !after.includes(",") ? text.indexOf(",", before) : -1;
  // What is last now gets no comma where the last had none.
  const head =
    isOwnLine && comma >= 0 && comma < start ? without(text, comma, start) : text.slice(0, start);
  return head + text.slice(end);
}

/** The text before `end`, without what is at `at`. */
function without(text: string, at: number, end: number): string {
  return text.slice(0, at) + text.slice(at + 1, end);
}

/** The text with two items of the list at `path` in each other's place. */
export function swap(text: string, path: Path, one: number, other: number): string {
  const list = find(parse(text), path);
  if (list?.kind !== "array") return text;
  const first = list.items[Math.min(one, other)];
  const second = list.items[Math.max(one, other)];
  if (!first || !second || first === second) return text;
  return (
    text.slice(0, first.start) +
    text.slice(second.start, second.end) +
    text.slice(first.end, second.start) +
    text.slice(first.start, first.end) +
    text.slice(second.end)
  );
}

function addMember(
  text: string,
  node: Node & { kind: "object" },
  key: string,
  value: unknown,
): string {
  const inner = `${indentAt(text, node.start)}  `;
  const name = /^[A-Za-z_$][\w$]*$/.test(key) ? quoteLike(text, node, key) : JSON.stringify(key);
  const made = `${name}: ${print(value, inner)}`;
  const last = node.members.at(-1);
  return insert(text, node, last?.value.end, made, inner);
}

function addItem(text: string, node: Node & { kind: "array" }, value: unknown): string {
  const inner = `${indentAt(text, node.start)}  `;
  return insert(text, node, node.items.at(-1)?.end, print(value, inner), inner);
}

function insert(
  text: string,
  node: Node,
  after: number | undefined,
  made: string,
  inner: string,
): string {
  const outer = inner.slice(2);
  if (after === undefined) {
    const isBlank = text.slice(node.start + 1, node.end - 1).trim() === "";
    const kept = isBlank ? "" : text.slice(node.start + 1, node.end - 1).replace(/\s+$/, "");
    const end = endsWithCommas(text) ? "," : "";
    return `${text.slice(0, node.start + 1)}${kept}\n${inner}${made}${end}\n${outer}${text.slice(node.end - 1)}`;
  }
  const rest = text.slice(after, node.end - 1);
  const isOneLine = !text.slice(node.start, node.end).includes("\n");
  const comma = /^\s*,/.exec(rest);
  if (isOneLine) {
    const tail = comma ? rest.slice(comma[0].length) : rest;
    return `${text.slice(0, after)}, ${made}${tail}${text.slice(node.end - 1)}`;
  }
  // Behind the comma and the comment that belong to the last one.
  const kept = comma ? rest.slice(comma[0].length) : rest;
  const note = /^[^\S\n]*(?:\/\/[^\n]*|\/\*[^\n]*?\*\/)?/.exec(kept)?.[0] ?? "";
  const below = kept.slice(note.length).replace(/\s+$/, "");
  const end = comma ? "," : "";
  return `${text.slice(0, after)},${note}${below}\n${inner}${made}${end}\n${outer}${text.slice(node.end - 1)}`;
}

/** Whether the last of a group has a comma, too: then new ones get it as well. */
function endsWithCommas(text: string): boolean {
  return /,\s*[}\]]/.test(text);
}

/** Names are quoted when those beside them are. */
function quoteLike(text: string, node: Node & { kind: "object" }, key: string): string {
  const sample = node.members[0]?.start ?? text.search(/["'][\w$]+["']\s*:/);
  return sample >= 0 && text[sample] === '"' ? JSON.stringify(key) : key;
}

function indentAt(text: string, at: number): string {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  return /^[^\S\n]*/.exec(text.slice(lineStart))?.[0] ?? "";
}

function print(value: unknown, indent: string): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);
}
