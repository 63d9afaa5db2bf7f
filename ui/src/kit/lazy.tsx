// A component whose code is fetched when it is first shown.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { learn } from "../i18n";
import { Skeleton } from "./load";

export function lazy(load: () => Promise<{ default: ComponentType }>) {
  const loaded = signal<ComponentType | null>(null);
  const failed = signal(false);
  let isAsked = false;
  return function Lazy() {
    if (!isAsked) {
      isAsked = true;
      Promise.all([load(), learn()]).then(
        ([module]) => {
          loaded.value = module.default;
        },
        () => {
          // The gateway was replaced by another version, whose files have other names.
          failed.value = true;
          isAsked = false;
        },
      );
    }
    const Body = loaded.value;
    if (failed.value) location.reload();
    return Body ? <Body /> : <Skeleton />;
  };
}
