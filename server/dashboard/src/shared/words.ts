/** What people say for the states of a point; pure. */

export type StateWords = Readonly<Record<string, { en: string; zh: string }>>;

const RAW = "{raw}";

/** What is said for a state: "other ({raw})" stands for every number. */
export function wordFor(value: unknown, words: StateWords | undefined): { en: string; zh: string } | undefined {
  if (typeof value !== "string" || !words) return undefined;
  if (Object.hasOwn(words, value)) return words[value];
  for (const [state, said] of Object.entries(words)) {
    const [before, after] = state.split(RAW);
    if (before === undefined || after === undefined || !value.startsWith(before) || !value.endsWith(after)) continue;
    const raw = value.slice(before.length, value.length - after.length);
    if (/^-?\d+$/.test(raw)) return { en: said.en.replaceAll(RAW, raw), zh: said.zh.replaceAll(RAW, raw) };
  }
  return undefined;
}

/** The states that a point may be told to take, where all that it has are known: not those that it only reports. */
export const statesOf = (words: StateWords, reportedOnly: readonly string[] = []): string[] =>
  Object.keys(words).filter((state) => !state.includes(RAW) && !reportedOnly.includes(state));
