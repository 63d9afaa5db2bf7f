// Windows over the page: a question, a form, a list to choose from.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";

interface Props {
  title: string;
  onClose(): void;
  children: ComponentChildren;
  class?: string;
}

export function Dialog({ title, onClose, children, class: name }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  // At once, so that no key typed right after the one that opened it is lost.
  useLayoutEffect(() => {
    const it = dialog.current;
    it?.showModal();
    return () => it?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, as `cancel`
    <dialog
      ref={dialog}
      class={name}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface Question {
  text: string;
  yes: string;
  answer(isYes: boolean): void;
}

const question = signal<Question | null>(null);

/** Asks before something that cannot be undone. */
export function ask(text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    question.value = { text, yes, answer: resolve };
  });
}

export function Questions() {
  const it = question.value;
  if (!it) return null;
  const answer = (isYes: boolean) => {
    question.value = null;
    it.answer(isYes);
  };
  return (
    <Dialog title={it.text} onClose={() => answer(false)} class="question">
      <p>{it.text}</p>
      <div class="buttons">
        <button type="button" onClick={() => answer(false)}>
          {t("ui.cancel")}
        </button>
        <button type="button" class="danger" onClick={() => answer(true)}>
          {it.yes}
        </button>
      </div>
    </Dialog>
  );
}
