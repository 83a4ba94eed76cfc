/** A gateway's devices by the port that they hang on; pure. */
import type { Schemas } from "@/api/client";

export interface Port { name: string; units: number; silent: number; profiles: string[] }

export function portsOf(units: readonly Pick<Schemas["EquipmentItem"], "port" | "online" | "profile">[]): Port[] {
  const found = new Map<string, Port>();
  for (const unit of units) {
    const port = found.get(unit.port) ?? { name: unit.port, units: 0, silent: 0, profiles: [] };
    found.set(unit.port, port);
    port.units += 1;
    if (!unit.online) port.silent += 1;
    if (unit.profile && !port.profiles.includes(unit.profile)) port.profiles.push(unit.profile);
  }
  return [...found.values()].sort((a, b) => b.silent - a.silent || a.name.localeCompare(b.name, undefined, { numeric: true }));
}

interface Own { waiting: number | null; load: Map<string, number | null>; unsteady: Map<string, string[]> }

/** What a gateway says of itself, by the names of its points: what waits, and of each port its load and who answers badly. */
export function ownOf(points: readonly Pick<Schemas["PointItem"], "id" | "name">[], values: ReadonlyMap<number, Pick<Schemas["LiveValue"], "value">>): Own {
  const own: Own = { waiting: null, load: new Map(), unsteady: new Map() };
  for (const point of points) {
    const value = values.get(point.id)?.value;
    const [what, port] = [point.name.slice(0, point.name.indexOf(".")), point.name.slice(point.name.indexOf(".") + 1)];
    if (point.name === "journal_waiting" && typeof value === "number") own.waiting = value;
    else if (what === "load") own.load.set(port, typeof value === "number" ? value : null);
    else if (what === "unsteady") own.unsteady.set(port, typeof value === "string" ? value.split(",").filter(Boolean) : []);
  }
  return own;
}
