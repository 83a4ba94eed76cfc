/** Points worth a first look: key figures, of what is in alarm first, then one unit of each class after the other; pure. */
import type { Schemas } from "@/api/client";

type Unit = Pick<Schemas["EquipmentItem"], "id" | "key" | "equipment_class" | "retired_at" | "removed_at">;
type Point = Pick<Schemas["PointItem"], "equipment_id" | "key" | "name" | "unit">;

export interface Suggestion<U extends Unit, P extends Point> { unit: U; point: P }

const MOST = 8;

export function suggestionsOf<U extends Unit, P extends Point>(units: readonly U[], points: readonly P[], inAlarm: ReadonlySet<number>, isKey: (unit: U, name: string) => boolean): Suggestion<U, P>[] {
  const figures = new Map<number, P[]>();
  for (const point of points) if (point.unit) figures.set(point.equipment_id, [...(figures.get(point.equipment_id) ?? []), point]);
  const seen = new Map<string, number>();
  return units.filter((unit) => unit.retired_at === null && unit.removed_at === null)
    .flatMap((unit) => {
      const own = figures.get(unit.id) ?? [];
      const point = own.find((one) => isKey(unit, one.name)) ?? own[0];
      return point ? [{ unit, point }] : [];
    })
    .sort((a, b) => a.unit.key.localeCompare(b.unit.key, undefined, { numeric: true }))
    .map((one) => {
      const turn = seen.get(one.unit.equipment_class) ?? 0;
      seen.set(one.unit.equipment_class, turn + 1);
      return { ...one, turn: inAlarm.has(one.unit.id) ? -1 : turn };
    })
    .sort((a, b) => a.turn - b.turn)
    .slice(0, MOST)
    .map(({ unit, point }) => ({ unit, point }));
}
