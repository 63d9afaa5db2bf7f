// Shows Markdown, block by block. A finished block is made once and stays as it is.

import { useSignal } from "@preact/signals";
import type { Tokens } from "marked";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { t } from "../i18n";
import { CopyButton } from "../kit/copy";
import { memo } from "../kit/memo";
import { type Block, Blocks, dropOverrides, showDirection } from "./blocks";
import { nodesOf } from "./sanitise";

const PLAIN_CHARS_SHOWN = 20_000;
const TABLE_ROWS_SHOWN = 100;

export function Markdown({ text }: { text: string }) {
  const reader = useMemo(() => new Blocks(), []);
  const blocks = reader.read(dropOverrides(text));
  return (
    <div class="prose" dir="auto">
      {blocks.map((block, n) => (
        <BlockView key={n} block={block} />
      ))}
    </div>
  );
}

const BlockView = memo(
  ({ block }: { block: Block }) => {
    if (block.kind === "code") return <CodeBlock text={block.text} lang={block.lang} />;
    if (block.kind === "plain") return <PlainText text={block.raw} />;
    if (block.kind === "table") return <TableBlock token={block.token} />;
    return <Nodes make={() => nodesOf(block.token)} of={block.raw} />;
  },
  (before, after) =>
    before.block === after.block ||
    (before.block.raw === after.block.raw && before.block.kind === after.block.kind),
);

function Nodes({ make, of }: { make: () => DocumentFragment; of: string }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    place.current?.replaceChildren(make());
  }, [of]);
  return <div ref={place} class="block" />;
}

function TableBlock({ token }: { token: Tokens.Table }) {
  const isWhole = useSignal(false);
  const hidden = token.rows.length - TABLE_ROWS_SHOWN;
  const isCut = hidden > 0 && !isWhole.value;
  const shown = isCut ? { ...token, rows: token.rows.slice(0, TABLE_ROWS_SHOWN) } : token;
  return (
    // Wide tables scroll by themselves, also with the keyboard.
    <section class="scroll-x" tabIndex={0} aria-label={t("chat.table")}>
      <Nodes make={() => nodesOf(shown)} of={`${isCut}${token.raw}`} />
      {isCut && (
        <button type="button" class="link" onClick={() => (isWhole.value = true)}>
          {t("chat.moreRows", { n: hidden })}
        </button>
      )}
    </section>
  );
}

/** Code as it is, with a button that copies it. */
export function CodeBlock({ text, lang }: { text: string; lang: string }) {
  return (
    <figure class="code">
      <figcaption>
        <span>{lang || t("chat.code")}</span>
        <CopyButton text={text} />
      </figcaption>
      <Clamped text={text} />
    </figure>
  );
}

function PlainText({ text }: { text: string }) {
  return (
    <div class="plain">
      <Clamped text={text} />
    </div>
  );
}

/** Text as it is; the end of a very long one only when it is asked for. */
export function Clamped({ text, label }: { text: string; label?: string }) {
  const isWhole = useSignal(false);
  const isCut = text.length > PLAIN_CHARS_SHOWN && !isWhole.value;
  const shown = showDirection(isCut ? text.slice(0, PLAIN_CHARS_SHOWN) : text);
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: text that scrolls, to be reached by key */}
      <pre tabIndex={0} aria-label={label ?? t("chat.code")} role="region">
        {shown}
      </pre>
      {isCut && (
        <button type="button" class="link" onClick={() => (isWhole.value = true)}>
          {t("chat.showAll", { n: Math.ceil(text.length / 1024) })}
        </button>
      )}
    </>
  );
}
