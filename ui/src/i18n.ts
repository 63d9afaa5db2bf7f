// The words of the page. Those of the first look in English are built in; those of the other views
// and of the other language are fetched when they are wanted.

import { signal } from "@preact/signals";
import en from "./locales/en.json";
import type views from "./locales/en-views.json";
import { type Language, language } from "./state/settings";

export type Key = keyof typeof en | keyof typeof views;

const english: Record<string, string> = { ...en };
const words = signal<Record<string, string>>(english);

/** Text `key` in the language of the page; `{name}` in it is filled from `values`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = words.value[key] ?? english[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

/** Loads the words of `wanted`, and shows them once they are there. */
export async function speak(wanted: Language): Promise<void> {
  const loaded = wanted === "zh" ? (await import("./locales/zh.json")).default : english;
  if (language.peek() === wanted) words.value = loaded;
}

/** Loads the English words of the views that are not there from the start. */
export async function learn(): Promise<void> {
  Object.assign(english, (await import("./locales/en-views.json")).default);
}
