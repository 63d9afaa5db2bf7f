// One control each: a text, a number, a choice, a list of words, or JSON where nothing is known.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import type { Editing } from "./form";
import { jsonOf, type Path, parse, type SyntaxProblem } from "./json5";
import { type Control, choicesOf, type Schema, typedValue } from "./schema";

export const MASK = "__OPENCLAW_REDACTED__";

export interface InputProps {
  id: string;
  control: Control;
  schema: Schema;
  value: unknown;
  path: Path;
  hint: string;
  isInvalid: boolean;
  editing: Editing;
}

export function Input(props: InputProps) {
  switch (props.control) {
    case "switch":
    case "choice":
      return <Choice {...props} />;
    case "checks":
      return <Checks {...props} />;
    case "texts":
      return <Texts {...props} />;
    case "free":
      return <Free {...props} />;
    default:
      return <Line {...props} />;
  }
}

function Choice({ id, schema, value, path, isInvalid, editing }: InputProps) {
  const choices = choicesOf(schema);
  const isStrange = value !== undefined && !choices.includes(value);
  return (
    <select
      id={id}
      aria-invalid={isInvalid}
      value={value === undefined ? "" : JSON.stringify(value)}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        if (chosen === "") editing.remove(path);
        else editing.set(path, JSON.parse(chosen));
      }}
    >
      <option value="">{t("ui.default")}</option>
      {isStrange && <option value={JSON.stringify(value)}>{JSON.stringify(value)}</option>}
      {choices.map((it) => (
        <option key={String(it)} value={JSON.stringify(it)}>
          {it === true ? t("ui.on") : it === false ? t("ui.off") : String(it)}
        </option>
      ))}
    </select>
  );
}

function Checks({ id, schema, value, path, editing }: InputProps) {
  const list = Array.isArray(value) ? (value as unknown[]) : [];
  return (
    <span class="checks" id={id}>
      {choicesOf(schema.items ?? {}).map((it) => (
        <label key={String(it)}>
          <input
            type="checkbox"
            checked={list.includes(it)}
            onChange={(event) => {
              const others = list.filter((other) => other !== it);
              editing.set(path, event.currentTarget.checked ? [...others, it] : others);
            }}
          />
          {String(it)}
        </label>
      ))}
    </span>
  );
}

/** One line for each word of a list. */
function Texts({ id, schema, value, path, isInvalid, editing }: InputProps) {
  const list = Array.isArray(value) ? (value as unknown[]) : [];
  return (
    <textarea
      id={id}
      rows={Math.min(6, list.length + 1)}
      spellcheck={false}
      aria-invalid={isInvalid}
      placeholder={t("config.perLine")}
      value={list.join("\n")}
      onChange={(event) => {
        const lines = event.currentTarget.value.split("\n").map((it) => it.trim());
        const words = lines.filter(Boolean);
        editing.set(
          path,
          words.map((it) => {
            // What was a number stays one.
            const was = list.find((old) => String(old) === it);
            return was ?? typedValue(schema.items ?? {}, it);
          }),
        );
      }}
    />
  );
}

/** Anything at all, as JSON. What cannot be read stays in the field and goes nowhere. */
function Free({ id, value, path, isInvalid, editing }: InputProps) {
  const stored = value === undefined ? "" : JSON.stringify(value, null, 2);
  const typed = useSignal(stored);
  const problem = useSignal("");
  useEffect(() => {
    typed.value = stored;
    problem.value = "";
  }, [stored]);
  return (
    <>
      <textarea
        id={id}
        class="mono"
        rows={Math.min(10, typed.value.split("\n").length + 1)}
        spellcheck={false}
        aria-invalid={isInvalid || problem.value !== ""}
        placeholder="{ … }"
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onChange={() => {
          try {
            if (typed.value.trim() === "") editing.remove(path);
            else editing.set(path, jsonOf(parse(typed.value)));
            problem.value = "";
          } catch (error) {
            problem.value = (error as SyntaxProblem).message;
          }
        }}
      />
      {problem.value && (
        <span class="error-text" role="alert">
          {t("config.parse", { text: problem.value })}
        </span>
      )}
    </>
  );
}

function Line({ id, control, schema, value, path, hint, isInvalid, editing }: InputProps) {
  const isMasked = value === MASK;
  const known = editing.hints[hint];
  const isSecret = known?.sensitive === true || isMasked;
  return (
    <>
      <input
        id={id}
        type={(isSecret ? "password" : control === "number" ? "number" : "text") as "text"}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={isInvalid}
        step={schema.type === "integer" ? 1 : "any"}
        min={schema.minimum}
        max={schema.maximum}
        placeholder={isMasked ? "••••••••" : (known?.placeholder ?? "")}
        value={isMasked || value === undefined ? "" : String(value)}
        onChange={(event) => {
          const typed = event.currentTarget.value;
          if (typed !== "") editing.set(path, typedValue(schema, typed));
          else if (!isMasked) editing.remove(path);
        }}
      />
      {isMasked && <span class="hint">{t("config.secret")}</span>}
    </>
  );
}
