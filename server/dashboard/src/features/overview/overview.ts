/** What the overview says of the plant; pure. */
import type { Schemas, Severity } from "@/api/client";
import { hasArrived } from "@/shared/orders";
import { rank, worstByEquipment } from "@/shared/severity";

export interface SystemRow { trade: string; all: number; abnormal: number; away: number; worst: Severity | null }

type Equipment = Pick<Schemas["EquipmentItem"], "id" | "equipment_class" | "online" | "removed_at" | "retired_at">;
type Alarm = Pick<Schemas["AlarmItem"], "equipment_id" | "severity" | "state">;

/** Whether equipment belongs to the plant of today. */
export const isPresent = (one: Pick<Equipment, "removed_at" | "retired_at">): boolean => one.removed_at === null && one.retired_at === null;

/** One row per trade: how many there are, how many have an alarm, how many do not answer. */
export function systemRows(equipment: readonly Equipment[], alarms: readonly Alarm[], tradeOf: (equipmentClass: string) => string): SystemRow[] {
  const worst = worstByEquipment(alarms);
  const rows = new Map<string, SystemRow>();
  for (const one of equipment.filter(isPresent)) {
    const trade = tradeOf(one.equipment_class);
    const row = rows.get(trade) ?? { trade, all: 0, abnormal: 0, away: 0, worst: null };
    rows.set(trade, row);
    row.all += 1;
    if (!one.online) row.away += 1;
    const found = worst.get(one.id);
    if (!found) continue;
    row.abnormal += 1;
    if (!row.worst || rank(found) < rank(row.worst)) row.worst = found;
  }
  return [...rows.values()].sort((a, b) => (a.worst ? rank(a.worst) : 9) - (b.worst ? rank(b.worst) : 9) || b.abnormal - a.abnormal || b.all - a.all);
}

/** Orders whose time on site is over or comes within half an hour, the latest first. */
export function ordersAtRisk<T extends { state: string; on_site_due_at: string | null }>(orders: readonly T[], now: number): { order: T; left: number }[] {
  return orders
    .filter((order) => order.on_site_due_at !== null && !hasArrived(order))
    .map((order) => ({ order, left: Date.parse(order.on_site_due_at ?? "") - now }))
    .filter(({ left }) => left < 1_800_000)
    .sort((a, b) => a.left - b.left);
}

export interface SiteRow { site: string; abnormal: number; all: number; away: number; worst: Severity | null }

type Sited = Equipment & { site: string };

/** One row per estate, what is worst first, those without anything wrong by their key. */
export function siteRows(sites: readonly string[], equipment: readonly Sited[], alarms: readonly Alarm[]): SiteRow[] {
  return sites
    .map((site) => {
      const rows = systemRows(equipment.filter((one) => one.site === site), alarms, () => site);
      return rows[0] ? { site, abnormal: rows[0].abnormal, all: rows[0].all, away: rows[0].away, worst: rows[0].worst } : { site, abnormal: 0, all: 0, away: 0, worst: null };
    })
    .sort((a, b) => (a.worst ? rank(a.worst) : 9) - (b.worst ? rank(b.worst) : 9) || b.abnormal - a.abnormal || b.away - a.away || a.site.localeCompare(b.site));
}

/** The estate that a wall screen shows next: it goes round while nothing is open anywhere, and shows all as soon as something is. */
export function nextOnWall(sites: readonly string[], shown: string, isQuiet: boolean): string {
  return isQuiet && sites.length > 1 ? sites[(sites.indexOf(shown) + 1) % sites.length] ?? "" : "";
}
