// Splits Markdown into blocks, so that while text streams in only the last one is read again.
// Pure. A block is what Markdown calls one: a paragraph, a list, a fence, a table.

import { lexer, type Token, type Tokens } from "marked";

/** Text over this on one line is no prose; it is shown as it is. */
export const LINE_CHARS_MAX = 8_000;
/** A block over this is shown as it is. */
export const BLOCK_CHARS_MAX = 60_000;

export type Block =
  | { kind: "markdown"; raw: string; token: Token }
  | { kind: "code"; raw: string; text: string; lang: string; isOpen: boolean }
  | { kind: "table"; raw: string; token: Tokens.Table }
  | { kind: "plain"; raw: string };

/** Reads a text that grows; what was read and is finished is not read again. */
export class Blocks {
  private text = "";
  /** Characters of `text` that are in finished blocks. */
  private settled = 0;
  private done: Block[] = [];
  private tail: Block[] = [];

  /** The blocks of `text`; the finished ones are the same objects as the last time. */
  read(text: string): Block[] {
    if (text === this.text) return [...this.done, ...this.tail];
    if (!text.startsWith(this.text.slice(0, this.settled))) {
      this.settled = 0;
      this.done = [];
    }
    this.text = text;
    const rest = text.slice(this.settled);
    if (hasLongLine(rest)) {
      this.tail = [{ kind: "plain", raw: rest }];
      return [...this.done, ...this.tail];
    }
    const tokens = lexer(rest);
    let last = tokens.length - 1;
    while (last >= 0 && tokens[last]?.type === "space") last -= 1;
    for (const token of tokens.slice(0, Math.max(last, 0))) {
      this.settled += token.raw.length;
      const block = blockOf(token, false);
      if (block) this.done.push(block);
    }
    this.tail = tokens
      .slice(Math.max(last, 0))
      .map((token) => blockOf(token, true))
      .filter((block) => block !== null);
    return [...this.done, ...this.tail];
  }
}

function hasLongLine(text: string): boolean {
  if (text.length <= LINE_CHARS_MAX) return false;
  let from = 0;
  while (from < text.length) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    if (to - from > LINE_CHARS_MAX) return true;
    from = to + 1;
  }
  return false;
}

function blockOf(token: Token, isLast: boolean): Block | null {
  const raw = token.raw;
  if (token.type === "space" || token.type === "def") return null;
  if (token.type === "code") {
    const { text, lang } = token as Tokens.Code;
    const isOpen = isLast && /^ {0,3}(```|~~~)/.test(raw) && !/\n {0,3}(```|~~~)\s*$/.test(raw);
    return { kind: "code", raw, text, lang: (lang ?? "").split(/\s/)[0] ?? "", isOpen };
  }
  if (raw.length > BLOCK_CHARS_MAX && token.type !== "table") return { kind: "plain", raw };
  if (token.type === "table") return { kind: "table", raw, token: token as Tokens.Table };
  return { kind: "markdown", raw, token };
}

/** Makes characters visible that turn the direction of what follows around. */
export function showDirection(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g, (mark) => {
    const code = mark.charCodeAt(0).toString(16).toUpperCase();
    return `\u27e8U+${code}\u27e9`;
  });
}

/** Takes away those that overrule letters; a right-to-left language needs none of them. */
export function dropOverrides(text: string): string {
  return text.replace(/[\u202d\u202e]/g, "");
}
