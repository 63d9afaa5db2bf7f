// A list of any length: only what is near the window is in the page. Rows may have any height and
// may change it; what one looks at stays where it is, and who is at the end stays there.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";

const GUESS_PX = 96;
const AHEAD_PX = 900;
const END_PX = 48;

/** Where rows begin, from heights that are known or guessed. Pure. */
export class Offsets {
  private tops: number[] = [0];
  private isDirty = true;
  private readonly heights = new Map<string, number>();

  constructor(
    private readonly guessPx = GUESS_PX,
    private keys: string[] = [],
  ) {}

  setKeys(keys: string[]): void {
    this.keys = keys;
    this.isDirty = true;
  }

  /** Notes a height; returns by how much it differs from what was thought. */
  setHeight(key: string, height: number): number {
    const before = this.heights.get(key) ?? this.guessPx;
    if (before === height) return 0;
    this.heights.set(key, height);
    this.isDirty = true;
    return height - before;
  }

  top(index: number): number {
    this.settle();
    return this.tops[index] ?? this.total();
  }

  total(): number {
    this.settle();
    return this.tops[this.keys.length] ?? 0;
  }

  /** The rows that lie between two heights. */
  range(from: number, to: number): [number, number] {
    this.settle();
    const start = Math.max(0, this.find(from) - 1);
    const end = Math.min(this.keys.length, this.find(to) + 1);
    return [start, end];
  }

  /** The first row that begins at or after `y`. */
  private find(y: number): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.tops[middle] ?? 0) < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private settle(): void {
    if (!this.isDirty) return;
    let top = 0;
    const tops = new Array<number>(this.keys.length + 1);
    this.keys.forEach((key, n) => {
      tops[n] = top;
      top += this.heights.get(key) ?? this.guessPx;
    });
    tops[this.keys.length] = top;
    this.tops = tops;
    this.isDirty = false;
  }
}

interface Props<R extends { key: string }> {
  rows: R[];
  render(row: R): ComponentChildren;
  label: string;
  /** Follows the end of the list when it changes. */
  id: string;
  onTop?: () => void;
  onEnd?: (isAtEnd: boolean) => void;
  head?: ComponentChildren;
  foot?: ComponentChildren;
  /** How high a row is thought to be until it is measured. */
  guessPx?: number;
}

export function VirtualList<R extends { key: string }>(props: Props<R>) {
  const { rows, id, onTop, onEnd } = props;
  const box = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const offsets = useMemo(() => new Offsets(props.guessPx), [id]);
  const view = useSignal({ top: 0, height: 800 });
  const isPinned = useRef(true);
  const firstKey = useRef("");

  // Rows that come in above push the window down by their height.
  const before = firstKey.current ? rows.findIndex((row) => row.key === firstKey.current) : 0;
  offsets.setKeys(rows.map((row) => row.key));
  const added = before > 0 ? offsets.top(before) : 0;

  const [start, end] = isPinned.current
    ? offsets.range(offsets.total() - view.value.height - AHEAD_PX, offsets.total() + AHEAD_PX)
    : offsets.range(
        view.value.top + added - AHEAD_PX,
        view.value.top + added + view.value.height + AHEAD_PX,
      );

  const look = () => {
    const it = box.current;
    if (!it) return;
    const gap = it.scrollHeight - it.scrollTop - it.clientHeight;
    const wasPinned = isPinned.current;
    isPinned.current = gap < END_PX;
    if (wasPinned !== isPinned.current) onEnd?.(isPinned.current);
    if (it.scrollTop < AHEAD_PX) onTop?.();
    const moved = Math.abs(it.scrollTop - view.value.top) > 120;
    if (moved || it.clientHeight !== view.value.height) {
      view.value = { top: it.scrollTop, height: it.clientHeight };
    }
  };

  const toEnd = () => {
    const it = box.current;
    if (it) it.scrollTop = it.scrollHeight;
  };

  useLayoutEffect(() => {
    isPinned.current = true;
    onEnd?.(true);
    toEnd();
  }, [id]);

  useLayoutEffect(() => {
    const it = box.current;
    if (!it) return;
    firstKey.current = rows[0]?.key ?? "";
    if (isPinned.current) toEnd();
    else if (added > 0) it.scrollTop += added;
  });

  useEffect(() => {
    const list = body.current;
    const it = box.current;
    if (!list || !it) return;
    const measure = (entries: ResizeObserverEntry[]) => {
      let above = 0;
      const windowTop = it.scrollTop;
      for (const entry of entries) {
        const element = entry.target as HTMLElement;
        if (element === it || element === list) continue;
        const key = element.dataset.key;
        if (!key || !element.isConnected) continue;
        const top = element.offsetTop;
        const change = offsets.setHeight(key, element.offsetHeight);
        if (change !== 0 && top + element.offsetHeight - change < windowTop) above += change;
      }
      if (isPinned.current) toEnd();
      else if (above !== 0) it.scrollTop += above;
    };
    const sizes = new ResizeObserver(measure);
    const watch = () => {
      for (const child of list.children) sizes.observe(child);
    };
    const children = new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.removedNodes) {
          if (node instanceof Element) sizes.unobserve(node);
        }
        for (const node of change.addedNodes) if (node instanceof Element) sizes.observe(node);
      }
    });
    watch();
    sizes.observe(it);
    children.observe(list, { childList: true });
    look();
    return () => {
      sizes.disconnect();
      children.disconnect();
    };
  }, [id]);

  return (
    <div class="virtual" ref={box} onScroll={look} tabIndex={0} role="log" aria-label={props.label}>
      {props.head}
      <div style={{ height: `${offsets.top(start)}px` }} />
      <div ref={body} class="virtual-rows">
        {rows.slice(start, end).map((row) => (
          <div key={row.key} data-key={row.key} class="virtual-row">
            {props.render(row)}
          </div>
        ))}
      </div>
      <div style={{ height: `${offsets.total() - offsets.top(end)}px` }} />
      {props.foot}
    </div>
  );
}
