import type { RouteLocationRaw } from "vue-router";

/** What is looked through: its label, what kind it is, and by what else it is found. */
export interface Findable { label: string; kind: string; more: string }
export interface Entry extends Findable { to: RouteLocationRaw }

/** Entries that hold every word of the text; those whose label begins with it come first. */
export function matching<T extends Findable>(entries: readonly T[], text: string, most: number): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return entries.slice(0, most);
  const found = entries.filter((entry) => {
    const hay = `${entry.label} ${entry.kind} ${entry.more}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const begins = (entry: T): number => (entry.label.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1);
  return found.sort((a, b) => begins(a) - begins(b)).slice(0, most);
}
