// How the palette finds. Pure.

/** How well `text` fits `typed`: the letters in order; less is better. */
export function nearness(text: string, typed: string): number | null {
  const lower = text.toLowerCase();
  const at = lower.indexOf(typed);
  if (at >= 0) return at;
  let from = -1;
  let gaps = 100;
  for (const letter of typed) {
    const next = lower.indexOf(letter, from + 1);
    if (next < 0) return null;
    gaps += next - from - 1;
    from = next;
  }
  return gaps;
}
