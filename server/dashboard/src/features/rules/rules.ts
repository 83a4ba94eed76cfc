/** Rules in words, and what a trial found; pure. */
import type { Schemas } from "@/api/client";
import { day } from "@/shared/format";

/** Where a rule is looked at or changed: target is the key of a site or of equipment, empty for the class. */
export interface RulePlace { scope: "class" | "site" | "equipment"; target: string }

type Condition = Schemas["AlarmRule"]["condition"];

/** A condition as one line; names of points are the class's. */
export function conditionText(condition: Condition, pointName: (point: string) => string): string {
  switch (condition.kind) {
    case "limit": return `${pointName(condition.point)} ${condition.level.startsWith("lo") ? "<" : ">"} ${condition.limit}`;
    case "state": return `${pointName(condition.point)} = ${JSON.stringify(condition.equals).replaceAll('"', "")}`;
    case "rate": return `Δ ${pointName(condition.point)} ≥ ${condition.change} / ${condition.within_s} s`;
    case "stuck": return `${pointName(condition.point)} ≈ ${condition.for_s} s`;
    case "stale": return `${pointName(condition.point)} ✕ ${condition.after_s ?? ""}`.trim();
    case "unreachable": return "✕";
    case "expression": return condition.when;
  }
}

/** How many alarms there would have been on each day, days without any included. */
export function onsetsPerDay(onsets: readonly { at: string }[], start: number, end: number): { day: string; alarms: number }[] {
  const found = new Map<string, number>();
  for (let at = start; at <= end; at += 86_400_000) found.set(day(at), 0);
  found.set(day(end), 0);
  for (const onset of onsets) {
    const key = day(Date.parse(onset.at));
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return [...found].map(([name, alarms]) => ({ day: name, alarms })).sort((a, b) => a.day.localeCompare(b.day));
}
