/** What a screen shows stands in its address: filters are read from it and written to it. */
import { type LocationQuery, useRoute, useRouter } from "vue-router";

export const oneOf = (value: LocationQuery[string] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? "";

/** A query with some of its words changed; empty ones are left out. */
export function changed(query: LocationQuery, part: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const all = { ...Object.fromEntries(Object.keys(query).map((name) => [name, oneOf(query[name])])), ...part };
  return Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => Boolean(pair[1])));
}

export function useAddress(): { read: (name: string) => string; write: (part: Readonly<Record<string, string | undefined>>) => void; pick: <T extends string>(name: string, among: readonly T[]) => T | undefined } {
  const route = useRoute();
  const router = useRouter();
  const read = (name: string): string => oneOf(route.query[name]);
  return {
    read,
    /** What an address misspells is passed over. */
    pick: (name, among) => among.find((word) => word === read(name)),
    write: (part) => { void router.replace({ query: changed(route.query, part) }); },
  };
}
