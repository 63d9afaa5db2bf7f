// Where we are: the address tells the view and, for some, what it shows.

import { computed, signal } from "@preact/signals";

export interface Place {
  view: string;
  params: Record<string, string>;
}

/** The folder of the page, with a slash at its end. */
export const base =
  typeof document === "undefined" ? "/" : new URL("./", document.baseURI).pathname;

export function parsePlace(path: string, search: string, from: string = base): Place {
  const rest = path.startsWith(from) ? path.slice(from.length) : path.replace(/^\//, "");
  const view = decodeURIComponent(rest.split("/")[0] ?? "");
  return { view: view || "chat", params: Object.fromEntries(new URLSearchParams(search)) };
}

export function href(view: string, params: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  // Keys are full of colons, which may stand in a query as they are.
  const text = query.toString().replaceAll("%3A", ":");
  return `${base}${view}${text ? `?${text}` : ""}`;
}

export const place = signal<Place>(
  typeof location === "undefined"
    ? { view: "chat", params: {} }
    : parsePlace(location.pathname, location.search),
);

export const view = computed(() => place.value.view);

export function go(
  name: string,
  params: Record<string, string | undefined> = {},
  how: "push" | "replace" = "push",
): void {
  const target = href(name, params);
  if (target === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", target);
  else history.replaceState(null, "", target);
  place.value = parsePlace(location.pathname, location.search);
}

/** Follows the browser's buttons, and links within the page. */
export function follow(): void {
  addEventListener("popstate", () => {
    place.value = parsePlace(location.pathname, location.search);
  });
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin)
      return;
    if (!link.pathname.startsWith(base) || link.hasAttribute("download")) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    place.value = parsePlace(location.pathname, location.search);
  });
}
