/** A week of a roster: who is on duty on each day, and which hours nobody is; pure. */
import { fromEstate, toField } from "@/shared/format";

export interface Span { start: string; end: string; person: string; name: string; part: string }
export interface Bar { name: string; part: string; left: number; width: number; start: number; end: number }
export interface DayRow { start: number; end: number; bars: Bar[]; free: Bar[] }

/** The estate's midnight at or before an instant, some days on. */
export function midnight(at: number, daysOn = 0): number {
  const start = fromEstate(`${toField(at).slice(0, 10)}T00:00`);
  // Through noon, so that a day of 23 or 25 hours is one day.
  return daysOn === 0 ? start : fromEstate(`${toField(start + daysOn * 86_400_000 + 43_200_000).slice(0, 10)}T00:00`);
}

/** Each day of a week with the spans that reach into it; what nobody on duty covers is free. */
export function weekOf(spans: readonly Span[], from: number): DayRow[] {
  return Array.from({ length: 7 }, (_, index) => {
    const start = midnight(from, index);
    const end = midnight(from, index + 1);
    const bar = (name: string, part: string, a: number, b: number): Bar => ({ name, part, start: a, end: b, left: ((a - start) / (end - start)) * 100, width: ((b - a) / (end - start)) * 100 });
    const bars = spans
      .map((span) => ({ ...span, from: Math.max(start, Date.parse(span.start)), to: Math.min(end, Date.parse(span.end)) }))
      .filter((span) => span.from < span.to)
      .map((span) => bar(span.name, span.part, span.from, span.to))
      .sort((a, b) => a.start - b.start || a.name.localeCompare(b.name));
    const free: Bar[] = [];
    let covered = start;
    for (const one of bars.filter((each) => each.part === ON_DUTY)) {
      if (one.start > covered) free.push(bar("", "", covered, one.start));
      covered = Math.max(covered, one.end);
    }
    if (covered < end) free.push(bar("", "", covered, end));
    return { start, end, bars, free };
  });
}

export const ON_DUTY = "duty";
