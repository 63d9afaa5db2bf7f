// How long to wait before the next try to connect.

const FIRST_MS = 800;
const FACTOR = 1.7;
const LONGEST_MS = 15_000;

/** The wait before try `n`, counted from 0; `chance` in [0, 1) spreads many pages out. */
export function waitMs(n: number, chance: number): number {
  const full = Math.min(FIRST_MS * FACTOR ** n, LONGEST_MS);
  return Math.round(full * (0.8 + 0.4 * chance));
}
