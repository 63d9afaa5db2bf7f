// The words of the page. English is built in, Chinese is fetched when it is wanted.

import { signal } from "@preact/signals";
import en from "./locales/en.json";
import { type Language, language } from "./state/settings";

export type Words = typeof en;
export type Key = keyof Words;

const words = signal<Record<string, string>>(en);

/** Text `key` in the language of the page; `{name}` in it is filled from `values`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = words.value[key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

/** Loads the words of `wanted`, and shows them once they are there. */
export async function speak(wanted: Language): Promise<void> {
  const loaded = wanted === "zh" ? (await import("./locales/zh.json")).default : en;
  if (language.peek() === wanted) words.value = loaded;
}
