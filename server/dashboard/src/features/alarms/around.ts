/** Which points are drawn around an onset; pure. */

export interface Candidate { id: number; name: string; unit: string; live?: { value?: unknown } | null }

/** Two axes can be read at once, one on each side. */
const MOST_UNITS = 2;
const MOST_DRAWN = 4;
const MOST_OPENED = 8;
/** What says most of an equipment. */
const TELLING = ["frequency", "power", "current", "outlet_pressure", "level", "supply_temperature", "temperature", "pressure"];

const rank = (name: string): number => (TELLING.includes(name) ? TELLING.indexOf(name) : TELLING.length);

/** The alarm's own point, then numbers of the same equipment: those that are drawn beside it, and all that a trend opens with. */
export function pointsAround(all: readonly Candidate[], own: { id: number; unit: string }): { drawn: number[]; opened: number[] } {
  const others = all.filter((point) => point.id !== own.id && point.unit && typeof point.live?.value === "number").sort((a, b) => rank(a.name) - rank(b.name));
  const units = [...new Set([own.unit, ...others.map((point) => point.unit)])].slice(0, MOST_UNITS);
  const drawn = [own.id, ...others.filter((point) => units.includes(point.unit)).map((point) => point.id)].slice(0, MOST_DRAWN);
  const rest = others.map((point) => point.id).filter((id) => !drawn.includes(id));
  return { drawn, opened: [...drawn, ...rest].slice(0, MOST_OPENED) };
}
