// A list of things with parts: each is a form of its own, and can be moved and removed.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon, type IconName } from "../kit/icons";
import { Fold } from "./fold";
import { Field, type FieldProps, Fields, isBad, objectOf, Part } from "./form";
import { blank, controlOf, dotted, titleOf } from "./schema";

export function List(props: FieldProps) {
  const { schema, value, path, hint, editing } = props;
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const each = schema.items ?? {};
  const box = useRef<HTMLDivElement>(null);
  /** The item that was just added, which opens by itself. */
  const made = useSignal(-1);
  // Items have no names of their own: each keeps its number wherever it goes.
  const ids = useRef<number[]>([]);
  while (ids.current.length < items.length) ids.current.push(Math.max(-1, ...ids.current) + 1);
  ids.current.length = items.length;
  /** Puts the focus where the item went, once it is there. */
  const follow = (at: number, act: string) => {
    requestAnimationFrame(() => {
      const item = box.current?.querySelectorAll(":scope > .item")[at];
      const wanted = item?.querySelector<HTMLButtonElement>(`[data-act="${act}"]:not(:disabled)`);
      const other = item?.querySelector<HTMLElement>("button, input");
      (wanted ?? other ?? box.current?.querySelector<HTMLElement>(":scope > .add"))?.focus();
    });
  };
  const move = (from: number, to: number, act: string) => {
    const [id] = ids.current.splice(from, 1);
    ids.current.splice(to, 0, id ?? 0);
    editing.swap(path, from, to);
    follow(to, act);
  };
  const remove = (at: number) => {
    ids.current.splice(at, 1);
    editing.remove([...path, at]);
    follow(Math.min(at, items.length - 2), "remove");
  };
  const add = () => {
    made.value = items.length;
    if (value === undefined) editing.set(path, [blank(each)]);
    else editing.set([...path, items.length], blank(each));
    requestAnimationFrame(() => {
      const item = box.current?.querySelectorAll(":scope > .item")[items.length];
      item?.querySelector<HTMLElement>(".fold-body :is(input, select, textarea)")?.focus();
    });
  };
  return (
    <Part props={props} count={items.length}>
      <div ref={box} class="items">
        {items.map((item, n) => (
          <Item
            key={ids.current[n]}
            props={{ schema: each, value: item, path: [...path, n], hint: `${hint}[]`, editing }}
            at={n}
            count={items.length}
            isNew={made.value === n}
            move={move}
            remove={remove}
          />
        ))}
        <button type="button" class="add" onClick={add}>
          <Icon name="plus" />
          {t("config.addItem")}
        </button>
      </div>
    </Part>
  );
}

interface ItemProps {
  props: FieldProps;
  at: number;
  count: number;
  isNew: boolean;
  move(from: number, to: number, act: string): void;
  remove(at: number): void;
}

function Item({ props, at, count, isNew, move, remove }: ItemProps) {
  const { schema, value, path, editing } = props;
  const name = titleOf(value) || `#${at + 1}`;
  const own = editing.problems.get(dotted(path));
  const bad = isBad(path, editing);
  const acts = (
    <>
      <Act
        act="up"
        icon="up"
        label={t("config.up", { name })}
        isOff={at === 0}
        run={() => move(at, at - 1, "up")}
      />
      <Act
        act="down"
        icon="down"
        label={t("config.down", { name })}
        isOff={at === count - 1}
        run={() => move(at, at + 1, "down")}
      />
      <Act
        act="remove"
        icon="trash"
        label={t("config.removeItem", { name })}
        isOff={false}
        run={() => remove(at)}
      />
    </>
  );
  return (
    <Fold
      class="item"
      label={name}
      isBad={bad}
      isForced={bad || editing.wanted !== ""}
      startsOpen={isNew}
      acts={acts}
    >
      {own && (
        <p class="error-text" role="alert">
          {own}
        </p>
      )}
      {controlOf(schema) === "group" ? (
        <Fields {...props} value={objectOf(value)} />
      ) : (
        <Field {...props} label={`#${at + 1}`} />
      )}
    </Fold>
  );
}

interface ActProps {
  act: string;
  icon: IconName;
  label: string;
  isOff: boolean;
  run(): void;
}

function Act({ act, icon, label, isOff, run }: ActProps) {
  return (
    <button
      type="button"
      class="quiet small"
      data-act={act}
      title={label}
      aria-label={label}
      disabled={isOff}
      onClick={run}
    >
      <Icon name={icon} />
    </button>
  );
}
