// The form of one section: a control for each setting, made from the schema.

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "../kit/icons";
import type { Path } from "./json5";
import {
  type Control,
  controlOf,
  dotted,
  type Hint,
  humane,
  problemOf,
  type Schema,
} from "./schema";

export const MASK = "__OPENCLAW_REDACTED__";

export interface Editing {
  hints: Record<string, Hint>;
  /** Problems that the gateway found, by path. */
  problems: Map<string, string>;
  set(path: Path, value: unknown): void;
  remove(path: Path): void;
  /** What is looked for; empty shows all. */
  wanted: string;
}

interface Props {
  schema: Schema;
  value: unknown;
  path: Path;
  editing: Editing;
}

export function Fields({ schema, value, path, editing }: Props) {
  const inside = (value ?? {}) as Record<string, unknown>;
  const names = Object.keys(schema.properties ?? {});
  const order = (name: string) => editing.hints[dotted([...path, name])]?.order ?? 1_000;
  names.sort((a, b) => order(a) - order(b));
  // What is set comes first, so that one sees what is there.
  const isSet = (name: string) => (inside[name] === undefined ? 1 : 0);
  names.sort((a, b) => isSet(a) - isSet(b));
  return (
    <>
      {names.map((name) => {
        const inner = schema.properties?.[name];
        if (!inner) return null;
        const place = [...path, name];
        if (editing.wanted && !matches(inner, place, editing)) return null;
        return (
          <Field key={name} schema={inner} value={inside[name]} path={place} editing={editing} />
        );
      })}
    </>
  );
}

export function matches(schema: Schema, path: Path, editing: Editing): boolean {
  const text = `${dotted(path)} ${editing.hints[dotted(path)]?.label ?? ""}`.toLowerCase();
  if (text.includes(editing.wanted)) return true;
  return Object.entries(schema.properties ?? {}).some(([name, inner]) =>
    matches(inner, [...path, name], editing),
  );
}

function labelOf(path: Path, editing: Editing): string {
  return editing.hints[dotted(path)]?.label ?? humane(String(path.at(-1)));
}

function Field(props: Props) {
  const control = controlOf(props.schema);
  if (control === "group" || control === "map") return <Group {...props} control={control} />;
  return <Plain {...props} control={control} />;
}

function Group({ schema, value, path, editing, control }: Props & { control: Control }) {
  const isSet = value !== undefined;
  const inside = typeof value === "object" && value !== null ? value : {};
  const added = useSignal("");
  const count = Object.keys(inside).length;
  return (
    <details class="group" open={editing.wanted !== "" || undefined}>
      <summary>
        <Icon name="chevron" />
        {labelOf(path, editing)}
        {isSet && count > 0 && <span class="tag">{count}</span>}
      </summary>
      <div class="group-body">
        {control === "group" && (
          <Fields schema={schema} value={value} path={path} editing={editing} />
        )}
        {control === "map" && (
          <>
            {Object.entries(inside).map(([name, it]) => (
              <Field
                key={name}
                schema={schema.additionalProperties as Schema}
                value={it}
                path={[...path, name]}
                editing={editing}
              />
            ))}
            <form
              class="bar"
              onSubmit={(event) => {
                event.preventDefault();
                const name = added.value.trim();
                if (!name) return;
                editing.set([...path, name], blank(schema.additionalProperties as Schema));
                added.value = "";
              }}
            >
              <input
                value={added.value}
                placeholder={t("config.addKey")}
                aria-label={`${labelOf(path, editing)}: ${t("config.addKey")}`}
                onInput={(event) => (added.value = event.currentTarget.value)}
              />
              <button type="submit">{t("config.add")}</button>
            </form>
          </>
        )}
      </div>
    </details>
  );
}

function blank(schema: Schema): unknown {
  const control = controlOf(schema);
  if (control === "switch") return true;
  if (control === "number") return schema.minimum ?? 0;
  if (control === "choice") return schema.enum?.[0] ?? "";
  if (control === "texts") return [];
  return control === "text" ? "" : {};
}

function Plain({ schema, value, path, editing, control }: Props & { control: Control }) {
  const id = useId();
  const hint = editing.hints[dotted(path)];
  const isSet = value !== undefined;
  const problem = editing.problems.get(dotted(path)) ?? local(schema, value);
  return (
    <div class={isSet ? "field is-set" : "field"}>
      <div class="field-head">
        <label for={id}>{labelOf(path, editing)}</label>
        {isSet && (
          <button
            type="button"
            class="quiet small"
            title={t("config.unset")}
            aria-label={`${t("config.unset")}: ${dotted(path)}`}
            onClick={() => editing.remove(path)}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
      <Input
        id={id}
        control={control}
        schema={schema}
        value={value}
        isSecret={hint?.sensitive === true || value === MASK}
        isBad={problem !== ""}
        placeholder={hint?.placeholder ?? ""}
        set={(it) => editing.set(path, it)}
        remove={() => editing.remove(path)}
      />
      {problem && (
        <span class="error-text" role="alert">
          {problem}
        </span>
      )}
      {hint?.help && <span class="hint">{hint.help}</span>}
    </div>
  );
}

function local(schema: Schema, value: unknown): string {
  if (value === undefined || value === MASK) return "";
  const problem = problemOf(schema, value);
  if (!problem) return "";
  if (problem.code === "min") return `≥ ${problem.n}`;
  if (problem.code === "max") return `≤ ${problem.n}`;
  return problem.code === "pattern" ? (schema.pattern ?? "") : problem.code;
}

interface InputProps {
  id: string;
  control: Control;
  schema: Schema;
  value: unknown;
  isSecret: boolean;
  isBad: boolean;
  placeholder: string;
  set(value: unknown): void;
  remove(): void;
}

function Input(props: InputProps) {
  const { id, control, schema, value, isBad, set, remove } = props;
  if (control === "raw")
    return (
      <span class="hint" id={id}>
        {t("config.rawOnly")}
      </span>
    );
  if (control === "switch" || control === "choice") {
    const choices: unknown[] = control === "switch" ? [true, false] : (schema.enum ?? []);
    return (
      <select
        id={id}
        value={value === undefined ? "" : JSON.stringify(value)}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          if (chosen === "") remove();
          else set(JSON.parse(chosen));
        }}
      >
        <option value="">{t("ui.default")}</option>
        {choices.map((it) => (
          <option key={String(it)} value={JSON.stringify(it)}>
            {it === true ? t("ui.on") : it === false ? t("ui.off") : String(it)}
          </option>
        ))}
      </select>
    );
  }
  if (control === "texts") {
    const list = Array.isArray(value) ? value : [];
    return (
      <textarea
        id={id}
        rows={Math.min(6, list.length + 1)}
        value={list.join("\n")}
        onChange={(event) => {
          const lines = event.currentTarget.value.split("\n").map((it) => it.trim());
          set(lines.filter(Boolean));
        }}
      />
    );
  }
  const isMasked = value === MASK;
  return (
    <>
      <input
        id={id}
        type={(props.isSecret ? "password" : control === "number" ? "number" : "text") as "text"}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={isBad}
        step={schema.type === "integer" ? 1 : "any"}
        min={schema.minimum}
        max={schema.maximum}
        placeholder={isMasked ? "••••••••" : props.placeholder}
        value={isMasked || value === undefined ? "" : String(value)}
        onChange={(event) => {
          const typed = event.currentTarget.value;
          if (typed === "") {
            if (!isMasked) remove();
          } else set(control === "number" ? Number(typed) : typed);
        }}
      />
      {isMasked && <span class="hint">{t("config.secret")}</span>}
    </>
  );
}
