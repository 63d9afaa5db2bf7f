// The form of one section: a control for each setting, made from the schema.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { type Key, t } from "../i18n";
import { Icon } from "../kit/icons";
import { Input, MASK } from "./controls";
import { Fold } from "./fold";
import type { Path } from "./json5";
import { List } from "./list";
import {
  blank,
  controlOf,
  dotted,
  type Hint,
  humane,
  problemOf,
  type Schema,
  variantOf,
} from "./schema";

export interface Editing {
  hints: Record<string, Hint>;
  /** Problems that the gateway found, by path. */
  problems: Map<string, string>;
  set(path: Path, value: unknown): void;
  remove(path: Path): void;
  swap(path: Path, one: number, other: number): void;
  /** What is looked for; empty shows all. */
  wanted: string;
}

export interface FieldProps {
  schema: Schema;
  value: unknown;
  path: Path;
  /** The path as hints name it: `*` for keys, `[]` for items. */
  hint: string;
  /** Another name than the one that the path tells. */
  label?: string;
  isNeeded?: boolean;
  editing: Editing;
}

interface FieldsProps extends Omit<FieldProps, "label" | "isNeeded"> {}

/** The settings of a group: those that are needed, those that are set, the others. */
export function Fields({ schema, value, path, hint, editing }: FieldsProps) {
  const inside = objectOf(value);
  const below = (name: string) => (hint ? `${hint}.${name}` : name);
  const order = (name: string) => editing.hints[below(name)]?.order ?? 1_000;
  const isSet = (name: string) => (inside[name] === undefined ? 1 : 0);
  const isNeeded = (name: string) => (schema.required?.includes(name) ? 1 : 0);
  const names = Object.keys(schema.properties ?? {})
    .sort((a, b) => order(a) - order(b))
    .sort((a, b) => isSet(a) - isSet(b))
    .sort((a, b) => isNeeded(b) - isNeeded(a));
  return (
    <>
      {names.map((name) => {
        const inner = schema.properties?.[name];
        if (!inner) return null;
        if (editing.wanted && !matches(inner, below(name), editing)) return null;
        return (
          <Field
            key={name}
            schema={inner}
            value={inside[name]}
            path={[...path, name]}
            hint={below(name)}
            isNeeded={schema.required?.includes(name) ?? false}
            editing={editing}
          />
        );
      })}
    </>
  );
}

export function objectOf(value: unknown): Record<string, unknown> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : {};
}

/** Whether a setting, or one below it, is what is looked for. */
export function matches(schema: Schema, hint: string, editing: Editing): boolean {
  const text = `${hint} ${editing.hints[hint]?.label ?? ""}`.toLowerCase();
  if (text.includes(editing.wanted)) return true;
  const below: [Schema, string][] = Object.entries(schema.properties ?? {}).map(([name, inner]) => [
    inner,
    hint ? `${hint}.${name}` : name,
  ]);
  if (typeof schema.additionalProperties === "object") {
    below.push([schema.additionalProperties, `${hint}.*`]);
  }
  if (schema.items) below.push([schema.items, `${hint}[]`]);
  for (const it of schema.anyOf ?? []) below.push([it, hint]);
  // Of what is below, names count, not the place that was looked at already.
  return below.some(([inner, at]) => matches(inner, at, editing));
}

export function labelOf(props: Pick<FieldProps, "path" | "hint" | "label" | "editing">): string {
  return props.label ?? props.editing.hints[props.hint]?.label ?? humane(String(props.path.at(-1)));
}

/** Whether the gateway found something wrong at a place or below it. */
export function isBad(path: Path, editing: Editing): boolean {
  const at = dotted(path);
  return [...editing.problems.keys()].some((it) => it === at || it.startsWith(`${at}.`));
}

export function Field(props: FieldProps) {
  switch (controlOf(props.schema)) {
    case "group":
      return <Group {...props} />;
    case "map":
      return <Keyed {...props} />;
    case "list":
      return <List {...props} />;
    case "union":
      return <Union {...props} />;
    default:
      return <Plain {...props} />;
  }
}

interface PartProps {
  props: FieldProps;
  count: number;
  children: ComponentChildren;
}

/** A setting with parts: closed at first, unless something in it is looked for or wrong. */
export function Part({ props, count, children }: PartProps) {
  const { path, value, editing } = props;
  const bad = isBad(path, editing);
  return (
    <Fold
      label={labelOf(props)}
      count={count}
      isBad={bad}
      isForced={bad || editing.wanted !== ""}
      acts={value === undefined ? null : <Unset path={path} editing={editing} />}
    >
      <Told path={path} hint={props.hint} editing={editing} problem="" />
      {children}
    </Fold>
  );
}

function Unset({ path, editing }: { path: Path; editing: Editing }) {
  return (
    <button
      type="button"
      class="quiet small"
      title={t("config.unset")}
      aria-label={`${t("config.unset")}: ${dotted(path)}`}
      onClick={() => editing.remove(path)}
    >
      <Icon name="close" />
    </button>
  );
}

function Group(props: FieldProps) {
  const { schema, value } = props;
  const inside = objectOf(value);
  const extra = schema.additionalProperties;
  const names = Object.keys(inside).filter((name) => schema.properties?.[name] === undefined);
  return (
    <Part props={props} count={Object.keys(inside).length}>
      <Fields {...props} />
      {typeof extra === "object" && <Entries {...props} names={names} each={extra} />}
    </Part>
  );
}

function Keyed(props: FieldProps) {
  const names = Object.keys(objectOf(props.value));
  return (
    <Part props={props} count={names.length}>
      <Entries {...props} names={names} each={props.schema.additionalProperties as Schema} />
    </Part>
  );
}

/** Entries under names that people choose. */
function Entries(props: FieldProps & { names: string[]; each: Schema }) {
  const { names, each, value, path, hint, editing } = props;
  const added = useSignal("");
  const inside = objectOf(value);
  const name = added.value.trim();
  const isTaken = name !== "" && inside[name] !== undefined;
  return (
    <>
      {names.map((it) => (
        <Field
          key={it}
          schema={each}
          value={inside[it]}
          path={[...path, it]}
          hint={`${hint}.*`}
          label={it}
          editing={editing}
        />
      ))}
      <form
        class="bar add"
        onSubmit={(event) => {
          event.preventDefault();
          if (!name || isTaken) return;
          editing.set([...path, name], blank(each));
          added.value = "";
        }}
      >
        <input
          value={added.value}
          spellcheck={false}
          placeholder={t("config.addKey")}
          aria-label={`${labelOf(props)}: ${t("config.addKey")}`}
          aria-invalid={isTaken}
          onInput={(event) => (added.value = event.currentTarget.value)}
        />
        <button type="submit" disabled={!name || isTaken}>
          <Icon name="plus" />
          {t("config.add")}
        </button>
        {isTaken && <span class="error-text">{t("config.taken")}</span>}
      </form>
    </>
  );
}

/** One of several forms: which one is chosen first, then filled in. */
function Union(props: FieldProps) {
  const { schema, value, path, hint, editing } = props;
  const variants = schema.anyOf ?? [];
  const at = variantOf(variants, value);
  const chosen = variants[at];
  const id = useId();
  return (
    <div class={value === undefined ? "field" : "field is-set"}>
      <div class="field-head">
        <label for={id}>{labelOf(props)}</label>
        {value !== undefined && <Unset path={path} editing={editing} />}
      </div>
      <select
        id={id}
        value={value === undefined ? "" : String(at)}
        onChange={(event) => {
          const wanted = event.currentTarget.value;
          if (wanted === "") editing.remove(path);
          else editing.set(path, blank(variants[Number(wanted)] ?? {}));
        }}
      >
        <option value="">{t("ui.default")}</option>
        {variants.map((it, n) => (
          <option key={controlOf(it)} value={String(n)}>
            {t(`config.kind.${controlOf(it)}` as Key)}
          </option>
        ))}
      </select>
      {value !== undefined && chosen && (
        <Variant schema={chosen} value={value} path={path} hint={hint} editing={editing} />
      )}
      <Told path={path} hint={hint} editing={editing} problem="" />
    </div>
  );
}

/** The chosen form of a union, without a second heading. */
function Variant(props: FieldsProps) {
  const id = useId();
  const control = controlOf(props.schema);
  if (control === "group") {
    return (
      <div class="fold-body">
        <Fields {...props} />
      </div>
    );
  }
  if (control === "map" || control === "list") return <Field {...props} />;
  return <Input {...props} id={id} control={control} isInvalid={false} />;
}

function Plain(props: FieldProps) {
  const { schema, value, path, hint, isNeeded, editing } = props;
  const id = useId();
  const problem = local(schema, value, isNeeded ?? false);
  return (
    <div class={value === undefined ? "field" : "field is-set"} data-path={JSON.stringify(path)}>
      <div class="field-head">
        <label for={id}>
          {labelOf(props)}
          {isNeeded && <span aria-hidden="true"> *</span>}
        </label>
        {value !== undefined && <Unset path={path} editing={editing} />}
      </div>
      <Input
        schema={schema}
        value={value}
        path={path}
        hint={hint}
        editing={editing}
        id={id}
        control={controlOf(schema)}
        isInvalid={problem !== "" || editing.problems.has(dotted(path))}
      />
      <Told path={path} hint={hint} editing={editing} problem={problem} />
    </div>
  );
}

interface ToldProps {
  path: Path;
  hint: string;
  editing: Editing;
  problem: string;
}

/** What is wrong with a setting, and what it is for. */
function Told({ path, hint, editing, problem }: ToldProps) {
  const text = editing.problems.get(dotted(path)) ?? problem;
  const help = editing.hints[hint]?.help;
  return (
    <>
      {text && (
        <span class="error-text" role="alert">
          {text}
        </span>
      )}
      {help && <span class="hint">{help}</span>}
    </>
  );
}

/** What can be said against a value before the gateway is asked. */
function local(schema: Schema, value: unknown, isNeeded: boolean): string {
  if (isNeeded && (value === undefined || value === "")) return t("config.bad.needed");
  if (value === undefined || value === MASK) return "";
  const problem = problemOf(schema, value);
  if (!problem) return "";
  const n = "n" in problem ? problem.n : 0;
  return t(`config.bad.${problem.code}` as Key, { n });
}
