/** What is shown, as the address says it, and as a file holds it; pure. */
import type { LocationQuery, LocationQueryRaw } from "vue-router";

import type { Schemas } from "@/api/client";

export const RANGES = { h1: 3_600_000, h6: 6 * 3_600_000, h24: 86_400_000, d7: 7 * 86_400_000, d30: 30 * 86_400_000, y1: 365 * 86_400_000 } as const;
export type RangeName = keyof typeof RANGES;
export const MOST_POINTS = 8;
/** Up to here each reading is drawn. */
const RAW_MS = 3_600_000;
const SLICES = 600;

export interface View { points: string[]; range: RangeName | null; from: number; to: number; week: boolean }

export const isRaw = (view: Pick<View, "from" | "to">): boolean => view.to - view.from <= RAW_MS;

const list = (value: LocationQuery[string] | undefined): string[] => (Array.isArray(value) ? value : [value]).filter((one): one is string => Boolean(one));

/** The view that an address describes; without instants it follows the clock. */
export function readView(query: LocationQuery, now: number): View {
  const points = [...new Set(list(query.point))].slice(0, MOST_POINTS);
  const from = Date.parse(list(query.from)[0] ?? "");
  const to = Date.parse(list(query.to)[0] ?? "");
  const week = query.week !== undefined;
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { points, range: null, from, to, week };
  const named = list(query.range)[0] ?? "";
  const range = named in RANGES ? (named as RangeName) : "h24";
  return { points, range, from: now - RANGES[range], to: now, week };
}

export function writeView(view: View): LocationQueryRaw {
  return {
    point: view.points,
    ...(view.range === null ? { from: new Date(view.from).toISOString(), to: new Date(view.to).toISOString() } : view.range === "h24" ? {} : { range: view.range }),
    ...(view.week ? { week: null } : {}),
  };
}

/** The same view, moved by a share of its length; never beyond now. */
export function moved(view: View, share: number, now: number): View {
  const length = view.to - view.from;
  const to = Math.min(now, view.to + length * share);
  return { ...view, range: null, from: to - length, to };
}

/** What the server is asked for a view: each reading of a short one, else slices. */
export function askedOf({ points, from, to }: View, raw: boolean, shiftMs = 0): { point: string[]; from: string; to: string; raw?: true; slices?: number; show?: ("min" | "avg" | "max" | "bad_count")[] } {
  const range = { point: points, from: new Date(from - shiftMs).toISOString(), to: new Date(to - shiftMs).toISOString() };
  return raw ? { ...range, raw } : { ...range, slices: SLICES, show: ["min", "avg", "max", "bad_count"] };
}

/** Where the server gives what is shown as a file. */
export function fileOf(view: View, kind: "export" | "workbook", language: string): string {
  const { show, ...asked } = askedOf(view, isRaw(view));
  const query = Object.entries({ ...asked, show: show?.filter((one) => one !== "bad_count") ?? [], language }).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)]));
  return `/api/v1/trends/${kind}?${new URLSearchParams(query).toString()}`;
}

export interface Summary { min: number | null; mean: number | null; max: number | null }

const numbers = (values: readonly unknown[] | null | undefined): number[] => (values ?? []).filter((value): value is number => typeof value === "number");

/** The figures below the chart, of what is good. */
export function summaryOf(item: Schemas["TrendItem"]): Summary {
  const raw = item.value !== undefined && item.value !== null;
  const good = raw ? numbers(item.value?.filter((_, n) => item.quality?.[n] === "good")) : [];
  const [low, mid, high] = raw ? [good, good, good] : [numbers(item.min), numbers(item.avg), numbers(item.max)];
  const least = (values: number[]): number | null => (values.length ? values.reduce((a, b) => Math.min(a, b)) : null);
  const most = (values: number[]): number | null => (values.length ? values.reduce((a, b) => Math.max(a, b)) : null);
  return { min: least(low), mean: mid.length ? mid.reduce((a, b) => a + b) / mid.length : null, max: most(high) };
}
