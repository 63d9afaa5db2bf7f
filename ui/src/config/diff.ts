// Which lines differ between two texts. Pure.

export interface DiffLine {
  kind: "same" | "add" | "del" | "gap";
  text: string;
}

const AROUND = 3;
const CELLS_MAX = 4_000_000;

export function diff(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) {
    tail += 1;
  }
  const changed = middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return folded([...a.slice(0, head).map(same), ...changed, ...a.slice(a.length - tail).map(same)]);
}

function middle(a: string[], b: string[]): DiffLine[] {
  const del = (text: string): DiffLine => ({ kind: "del", text });
  const add = (text: string): DiffLine => ({ kind: "add", text });
  if (a.length * b.length > CELLS_MAX) return [...a.map(del), ...b.map(add)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const old = a[i];
    const now = b[j];
    if (old === undefined && now === undefined) break;
    if (old !== undefined && old === now) {
      lines.push({ kind: "same", text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (now === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(del(old));
      i += 1;
    } else {
      lines.push(add(now ?? ""));
      j += 1;
    }
  }
  return lines;
}

/** Leaves out what is far from every change. */
function folded(lines: DiffLine[]): DiffLine[] {
  const isNear = lines.map(() => false);
  lines.forEach((line, n) => {
    if (line.kind === "same") return;
    for (let at = Math.max(0, n - AROUND); at <= Math.min(lines.length - 1, n + AROUND); at += 1) {
      isNear[at] = true;
    }
  });
  const shown: DiffLine[] = [];
  lines.forEach((line, n) => {
    if (isNear[n]) shown.push(line);
    else if (shown.at(-1)?.kind !== "gap") shown.push({ kind: "gap", text: "…" });
  });
  return shown;
}

export function changedCount(lines: DiffLine[]): number {
  return lines.filter((line) => line.kind === "add" || line.kind === "del").length;
}
