/** How a range of time is zoomed and moved by wheel and keys; pure. */
export interface Range { from: number; to: number }

const SHORTEST_MS = 10_000;
const LONGEST_MS = 2 * 366 * 86_400_000;
const STEP = 1.25;
const SHARE = 0.2;

/** What is under the pointer stays there; neither too short to hold a reading nor beyond what is asked at once. */
export function zoomed({ from, to }: Range, at: number, steps: number): Range {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (to - from) * STEP ** -steps));
  const start = at - ((at - from) / (to - from)) * length;
  return { from: Math.round(start), to: Math.round(start + length) };
}

export function shifted({ from, to }: Range, steps: number): Range {
  const by = Math.round((to - from) * SHARE * steps);
  return { from: from + by, to: to + by };
}

/** Arrows move, plus and minus zoom about the middle. */
export function byKey(range: Range, key: string): Range | null {
  const middle = (range.from + range.to) / 2;
  switch (key) {
    case "ArrowLeft": return shifted(range, -1);
    case "ArrowRight": return shifted(range, 1);
    case "+": case "=": return zoomed(range, middle, 1);
    case "-": return zoomed(range, middle, -1);
    default: return null;
  }
}
