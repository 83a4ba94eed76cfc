/** Changing a roster by moving duties: what a move means, and which hours it leaves to nobody; pure. */
import { fromEstate, toField } from "@/shared/format";

export interface Duty { person: string; start: number; end: number }
export interface Change { start: number; end: number; off?: string; on?: string }
/** A duty that is held: where it would go, if it were let go now. */
export interface Draft { duty: Duty; person: string; shift: number; onto: Duty | null }
export interface Span { start: number; end: number }

const DAY_MS = 86_400_000;
export const SNAP_MS = 1_800_000;
export const snap = (ms: number): number => Math.round(ms / SNAP_MS) * SNAP_MS;

/** Duties without a break are taken apart where a shift begins, so that one shift is what is moved. */
export function inShifts(duties: readonly Duty[], starts: readonly string[]): Duty[] {
  return duties.flatMap((duty) => {
    const cuts: number[] = [];
    for (let day = duty.start - DAY_MS; day < duty.end + DAY_MS; day += DAY_MS) {
      for (const start of starts) cuts.push(fromEstate(`${toField(day).slice(0, 10)}T${start}`));
    }
    const inside = [...new Set(cuts)].filter((cut) => cut > duty.start && cut < duty.end).sort((a, b) => a - b);
    const edges = [duty.start, ...inside, duty.end];
    return edges.slice(1).map((end, index) => ({ person: duty.person, start: edges[index] ?? duty.start, end }));
  });
}

function without(span: Span, taken: Span): Span[] {
  if (taken.end <= span.start || taken.start >= span.end) return [span];
  return [{ start: span.start, end: taken.start }, { start: taken.end, end: span.end }].filter((one) => one.start < one.end);
}

/** What letting go means: another person, another time, or the exchange with the duty beneath. */
export function changesOf({ duty, person, shift, onto }: Draft): Change[] {
  if (onto && onto.person !== duty.person) {
    return [{ start: duty.start, end: duty.end, off: duty.person, on: onto.person }, { start: onto.start, end: onto.end, off: onto.person, on: duty.person }];
  }
  const to = { start: duty.start + shift, end: duty.end + shift };
  if (person !== duty.person) {
    if (shift === 0) return [{ ...to, off: duty.person, on: person }];
    return [{ start: duty.start, end: duty.end, off: duty.person }, { ...to, on: person }];
  }
  // Moved in time: what both have stays as it is.
  return [
    ...without(duty, to).map(({ start, end }) => ({ start, end, off: duty.person })),
    ...without(to, duty).map(({ start, end }) => ({ start, end, on: duty.person })),
  ];
}

/** The duties once changes hold, as the server applies those of one request: all look at what was before. */
export function applied(duties: readonly Duty[], changes: readonly Change[]): Duty[] {
  const kept = duties.flatMap((duty) => changes
    .filter((change) => change.off === duty.person)
    .reduce<Span[]>((parts, change) => parts.flatMap((part) => without(part, change)), [duty])
    .map(({ start, end }) => ({ person: duty.person, start, end })));
  return [...kept, ...changes.flatMap(({ on, start, end }) => (on ? [{ person: on, start, end }] : []))].sort((a, b) => a.start - b.start);
}

/** Hours of a span in which nobody is on duty. */
export function gapsOf(duties: readonly Duty[], from: number, to: number): Span[] {
  const found: Span[] = [];
  let covered = from;
  for (const duty of [...duties].sort((a, b) => a.start - b.start)) {
    if (duty.end <= from || duty.start >= to) continue;
    if (duty.start > covered) found.push({ start: covered, end: duty.start });
    covered = Math.max(covered, duty.end);
  }
  if (covered < to) found.push({ start: covered, end: to });
  return found;
}

/** Gaps that were not there before. */
export function newGaps(before: readonly Span[], after: readonly Span[]): Span[] {
  return after.flatMap((gap) => before.reduce<Span[]>((parts, old) => parts.flatMap((part) => without(part, old)), [gap]));
}
