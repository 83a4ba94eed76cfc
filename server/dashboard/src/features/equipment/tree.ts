/** The plant as a tree: site, then building, then system, then equipment; pure. */
import type { Schemas, Severity } from "@/api/client";
import { rank } from "@/shared/severity";

type Equipment = Schemas["EquipmentItem"];
export interface Group { key: string; site: string; building: string; trade: string; units: Equipment[]; worst: Severity | null; away: number }

export function groupPlant(equipment: readonly Equipment[], text: string, nameOf: (one: Equipment) => string, classNameOf: (one: Equipment) => string, tradeOf: (one: Equipment) => string, worstOf: ReadonlyMap<number, Severity>): Group[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Group>();
  for (const unit of equipment) {
    const hay = `${unit.key} ${unit.name_en} ${unit.name_zh} ${nameOf(unit)} ${classNameOf(unit)} ${unit.profile} ${unit.building}`.toLowerCase();
    if (!words.every((word) => hay.includes(word))) continue;
    const trade = tradeOf(unit);
    const key = `${unit.site}/${unit.building}/${trade}`;
    const group = groups.get(key) ?? { key, site: unit.site, building: unit.building, trade, units: [], worst: null, away: 0 };
    groups.set(key, group);
    group.units.push(unit);
    if (!unit.online) group.away += 1;
    const worst = worstOf.get(unit.id);
    if (worst && (!group.worst || rank(worst) < rank(group.worst))) group.worst = worst;
  }
  for (const group of groups.values()) group.units.sort((a, b) => a.equipment_class.localeCompare(b.equipment_class) || nameOf(a).localeCompare(nameOf(b), undefined, { numeric: true }));
  // What stands in no building, or of which nobody has written it, comes after what does.
  return [...groups.values()].sort((a, b) => a.site.localeCompare(b.site) || Number(!a.building) - Number(!b.building) || a.building.localeCompare(b.building, undefined, { numeric: true }) || a.trade.localeCompare(b.trade));
}
