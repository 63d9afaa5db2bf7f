// Short news at the edge of the page.

import { signal } from "@preact/signals";

const SHOWN_MS = 4_000;

interface News {
  id: number;
  text: string;
  isBad: boolean;
}

const news = signal<News[]>([]);
let next = 1;

export function say(text: string, how: "good" | "bad" = "good"): void {
  const id = next++;
  news.value = [...news.value, { id, text, isBad: how === "bad" }];
  setTimeout(() => {
    news.value = news.value.filter((it) => it.id !== id);
  }, SHOWN_MS);
}

/** Tells of a failure of `work`; yields nothing then. */
export async function trying<R>(work: Promise<R>): Promise<R | undefined> {
  try {
    return await work;
  } catch (error) {
    say((error as Error).message, "bad");
    return undefined;
  }
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {news.value.map((it) => (
        <p key={it.id} class={it.isBad ? "bad" : ""}>
          {it.text}
        </p>
      ))}
    </div>
  );
}
