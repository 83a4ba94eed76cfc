/** From an answer of /trends to lines of a chart; pure. */
import type { Schemas } from "@/api/client";

import type { ChartSeries } from "./option";

type Trends = Schemas["Trends"];
type NameOf = (point: Schemas["TrendPoint"]) => string;

const plain = (value: unknown): number | null => (typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : null);

/** A point is reported when it changes, and each five minutes when it does not. */
const SILENCE_MS = 600_000;

/** How long a value holds: beyond that, and beyond what this point is usually silent, nothing is known. Slices tell of no wait that is shorter than one. */
function holds(after: readonly number[], width = 0): number {
  const waits = after.slice(1).map((at, index) => at - (after[index] ?? at)).sort((a, b) => a - b);
  const usual = waits[Math.floor((waits.length - 1) / 2)] ?? 0;
  return usual <= width ? Math.max(SILENCE_MS, width) : Math.max(SILENCE_MS, 3 * usual);
}

/** Readings as steps, as each holds until the next; what is not good is a gap, and so is silence. */
export function seriesOfRaw(trends: Trends, nameOf: NameOf): ChartSeries[] {
  const start = Date.parse(trends.from);
  return trends.items.map((item) => {
    const after = item.after_ms ?? [];
    const longest = holds(after);
    const line: [number, number | null][] = [];
    after.forEach((at, index) => {
      const before = after[index - 1];
      if (before !== undefined && at - before > longest) line.push([start + before + longest, null]);
      line.push([start + at, item.quality?.[index] === "good" ? plain(item.value?.[index]) : null]);
    });
    return { name: nameOf(item.point), unit: item.point.unit, step: true, line };
  });
}

/** Which slices are drawn: those that hold a good reading, and one for each gap between them. */
function drawn(item: Schemas["TrendItem"], width: number): number[] {
  const filled = (item.avg ?? []).flatMap((value, index) => (value === null ? [] : [index]));
  const longest = holds(filled.map((index) => index * width), width);
  const isBad = (index: number): boolean => (item.bad_count?.[index] ?? 0) > 0;
  return filled.flatMap((index, n) => {
    const before = filled[n - 1];
    if (before === undefined || index === before + 1) return [index];
    // A value that is reported now and then holds over slices that are shorter than that.
    const between = Array.from({ length: index - before - 1 }, (_, step) => before + 1 + step);
    const gap = between.find(isBad) ?? ((index - before) * width > longest ? before + 1 : undefined);
    return gap === undefined ? [index] : [gap, index];
  });
}

/** Slices: the mean as a line, minimum to maximum as a band; silence and what is not good are gaps. */
export function seriesOfSlices(trends: Trends, nameOf: NameOf, shiftMs = 0): ChartSeries[] {
  const start = Date.parse(trends.start ?? trends.from) + shiftMs;
  const width = trends.width_ms ?? 0;
  const at = (index: number): number => start + index * width + width / 2;
  return trends.items.map((item) => {
    const slices = drawn(item, width);
    return {
      name: nameOf(item.point), unit: item.point.unit, faint: shiftMs !== 0,
      line: slices.map((index): [number, number | null] => [at(index), plain(item.avg?.[index])]),
      ...(shiftMs === 0 ? { band: slices.map((index): [number, number | null, number | null] => [at(index), plain(item.min?.[index]), plain(item.max?.[index])]) } : {}),
    };
  });
}

/** How often a line is interrupted. */
export const gapsOf = (series: ChartSeries): number => series.line.filter(([, value]) => value === null).length;
