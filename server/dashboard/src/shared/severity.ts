import type { Schemas, Severity } from "@/api/client";

export const SEVERITIES: readonly Severity[] = ["urgent", "high", "medium", "low"];

/** A severity is a shape as well as a colour: filled, and as an outline once somebody has seen it. */
export const SHAPES: Readonly<Record<Severity, readonly [string, string]>> = {
  urgent: ["◆", "◇"], high: ["▲", "△"], medium: ["■", "□"], low: ["●", "○"],
};

/** The token of what lies behind something of a severity. */
export const backOf = (severity: Severity): `--${string}` => `--${severity}-back`;

export const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** What is wrong first, and of equals the newest. */
export function byUrgency<T extends { severity: Severity; id: number }>(a: T, b: T): number {
  return rank(a.severity) - rank(b.severity) || b.id - a.id;
}

/** What is wrong first, what nobody has seen before the rest. */
export function byNeed<T extends { severity: Severity; id: number; acknowledged_at: string | null }>(a: T, b: T): number {
  return Number(a.acknowledged_at !== null) - Number(b.acknowledged_at !== null) || byUrgency(a, b);
}

export function countBySeverity(items: readonly { severity: Severity }[]): Record<Severity, number> {
  const found: Record<Severity, number> = { urgent: 0, high: 0, medium: 0, low: 0 };
  for (const item of items) found[item.severity] += 1;
  return found;
}

const SEEN = new Set<Schemas["AlarmState"]>(["acknowledged", "normal", "shelved", "suppressed", "out_of_service"]);
const QUIET = new Set<Schemas["AlarmState"]>(["shelved", "suppressed", "out_of_service"]);

type InState = Pick<Schemas["AlarmItem"], "state">;

export const isSeen = (alarm: InState): boolean => SEEN.has(alarm.state);
export const isQuiet = (alarm: InState): boolean => QUIET.has(alarm.state);

/** The worst open alarm of each equipment that somebody should know of. */
export function worstByEquipment(alarms: readonly Pick<Schemas["AlarmItem"], "equipment_id" | "severity" | "state">[]): Map<number, Severity> {
  const found = new Map<number, Severity>();
  for (const alarm of alarms) {
    if (isQuiet(alarm)) continue;
    const known = found.get(alarm.equipment_id);
    if (!known || rank(alarm.severity) < rank(known)) found.set(alarm.equipment_id, alarm.severity);
  }
  return found;
}
