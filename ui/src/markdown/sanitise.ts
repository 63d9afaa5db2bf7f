// From Markdown to nodes that may stand in the page. The only place that makes nodes out of text,
// and it lets nothing through that runs, loads, floats or styles.

import DOMPurify from "dompurify";
import { Marked, parser, type Token, type Tokens } from "marked";

const TAGS = [
  "a",
  "b",
  "blockquote",
  "br",
  "code",
  "del",
  "details",
  "div",
  "em",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "hr",
  "i",
  "kbd",
  "li",
  "mark",
  "ol",
  "p",
  "pre",
  "s",
  "span",
  "strong",
  "sub",
  "summary",
  "sup",
  "table",
  "tbody",
  "td",
  "th",
  "thead",
  "tr",
  "u",
  "ul",
];
const ATTRIBUTES = ["href", "title", "align", "start", "dir"];

const marked = new Marked({
  renderer: {
    // Nothing is fetched from elsewhere: a picture is a link to it.
    image({ href, text }: Tokens.Image) {
      const shown = escaped(text || href);
      return `<a href="${escaped(href)}">${shown}</a>`;
    },
    checkbox({ checked }: Tokens.Checkbox) {
      return checked ? "\u2611 " : "\u2610 ";
    },
  },
});

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName !== "A") return;
  const href = node.getAttribute("href") ?? "";
  if (/^(https?:|mailto:)/i.test(href)) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  } else {
    node.removeAttribute("href");
  }
});

/** The nodes of one block. */
export function nodesOf(token: Token): DocumentFragment {
  const html = parser([token], marked.defaults as never);
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
