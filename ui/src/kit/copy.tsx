// A button that puts text on the clipboard, and says so.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { Icon } from "./icons";

const SAID_MS = 1_600;

export function CopyButton({ text, label }: { text: string | (() => string); label?: string }) {
  const isDone = useSignal(false);
  const copy = async () => {
    await toClipboard(typeof text === "function" ? text() : text);
    isDone.value = true;
    setTimeout(() => {
      isDone.value = false;
    }, SAID_MS);
  };
  const said = isDone.value ? t("chat.copied") : (label ?? t("chat.copy"));
  return (
    <button type="button" class="quiet small" onClick={copy} aria-live="polite">
      <Icon name={isDone.value ? "check" : "copy"} />
      <span>{said}</span>
    </button>
  );
}

async function toClipboard(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Pages without HTTPS have no clipboard but this old way to it.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
