// A part that opens and closes, with what one may do to it beside its name.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "../kit/icons";

interface Props {
  label: string;
  /** How much is in it. */
  count?: number;
  isBad: boolean;
  /** Open whatever was chosen, for something in it has to be seen. */
  isForced: boolean;
  startsOpen?: boolean;
  class?: string;
  acts?: ComponentChildren;
  /** Not made before it is open. */
  children: ComponentChildren;
}

export function Fold(props: Props) {
  const isOpen = useSignal(props.startsOpen ?? false);
  const id = useId();
  const shows = isOpen.value || props.isForced;
  return (
    <div class={props.class ? `fold ${props.class}` : "fold"}>
      <div class="fold-bar">
        <button
          type="button"
          class="fold-head"
          aria-expanded={shows}
          aria-controls={shows ? id : undefined}
          onClick={() => (isOpen.value = !shows)}
        >
          <Icon name="chevron" />
          <span class={props.isBad ? "error-text" : ""}>{props.label}</span>
          {props.count ? <span class="tag">{props.count}</span> : null}
        </button>
        {props.acts}
      </div>
      {shows && (
        <div class="fold-body" id={id}>
          {props.children}
        </div>
      )}
    </div>
  );
}
