/** What the shapes of a schematic say and where it stands, from the values that they show. */
import type { Schemas } from "@/api/client";
import type { Plain } from "@/shared/format";

/** An answer has every option, also those that the file left to their defaults. */
type Whole<T> = T extends unknown ? Required<T> : never;
export type Unit = Schemas["DrawnUnit"];
export type Shape = Whole<Schemas["DrawnShape"]["shape"]>;
export type SymbolShape = Exclude<Shape, { kind: "pipe" | "text" }>;
export type Picture = Omit<Schemas["SchematicItem"], "shapes"> & { shapes: readonly { shape: Shape; equipment_id: number | null; moved: readonly number[] }[] };
export type State = "running" | "stopped" | "fault" | "trapped" | "opened" | "closed" | "unknown";

/** A value as it is told. */
export interface Told { name: string; text: string; value: Plain; doubt: string; age: string }
export type Tell = (point: string | null | undefined) => Told | null;
/** A line beside a symbol; `word`: what the symbol does, in words of its own. */
export interface Line { text: string; age: string; doubt: string; word: boolean; bad: boolean }

const LINE = 15;
const GAP = 8;

/** Whether a pipe carries water; null: nobody knows. */
export function flows(told: Told | null): boolean | null {
  if (!told || told.doubt || told.value === null || told.value === undefined) return null;
  return typeof told.value === "number" ? told.value > 0 : Boolean(told.value);
}

const isTrue = (told: Told | null): boolean => told?.value === true;
const isKnown = (told: Told | null): boolean => told !== null && told.value !== null && told.value !== undefined;

/** The state of what is drawn; null where the symbol has none. */
export function stateOf(shape: SymbolShape, tell: Tell): State | null {
  if (shape.kind === "lift") {
    if (isTrue(tell(shape.trapped))) return "trapped";
    return isTrue(tell(shape.fault)) ? "fault" : null;
  }
  if (shape.kind === "pump") {
    if (isTrue(tell(shape.fault))) return "fault";
    const run = tell(shape.run);
    return isKnown(run) ? (isTrue(run) ? "running" : "stopped") : "unknown";
  }
  if (shape.kind === "valve") {
    if (isTrue(tell(shape.fault))) return "fault";
    const opening = tell(shape.opening);
    if (!isKnown(opening)) return "unknown";
    const open = typeof opening?.value === "number" ? opening.value > 0 : isTrue(opening);
    return open ? "opened" : "closed";
  }
  return null;
}

export const isBad = (state: State | null): boolean => state === "fault" || state === "trapped";

/** The point whose value a symbol is made of: in doubt, so is the symbol. */
export function mainPoint(shape: SymbolShape): string | null | undefined {
  switch (shape.kind) {
    case "pump": return shape.run;
    case "valve": return shape.opening;
    case "tank": return shape.level;
    case "sensor": return shape.point;
    case "lift": return shape.floor;
    default: return null;
  }
}

/** What stands beside a symbol, from top to bottom. */
export function linesOf(shape: SymbolShape, tell: Tell, words: { state: (state: State) => string; floor: (text: string) => string; door: (open: boolean) => string }): Line[] {
  const lines: Line[] = [];
  const state = stateOf(shape, tell);
  const main = tell(mainPoint(shape));
  if (state) lines.push({ text: words.state(state), age: shape.kind === "lift" ? "" : (main?.age ?? ""), doubt: shape.kind === "lift" ? "" : (main?.doubt ?? ""), word: true, bad: isBad(state) });
  const value = (told: Told | null, text = told?.text): void => { if (told) lines.push({ text: text ?? "–", age: told.age, doubt: told.doubt, word: false, bad: false }); };
  if (shape.kind === "lift") {
    const direction = tell(shape.direction);
    value(main, main && isKnown(main) ? [words.floor(main.text), direction && isKnown(direction) ? direction.text : ""].filter(Boolean).join(" · ") : "–");
    const door = tell(shape.door_open);
    value(door, door && isKnown(door) ? words.door(isTrue(door)) : "–");
  } else if (shape.kind === "sensor" || shape.kind === "tank") value(main);
  else if (shape.kind === "valve" && typeof main?.value === "number") value(main);
  for (const point of shape.shows) value(tell(point));
  return lines;
}

/** Half the width and height of a symbol. */
export function halves(shape: SymbolShape): { x: number; y: number } {
  switch (shape.kind) {
    case "pump": return { x: 20, y: 20 };
    case "valve": return { x: 18, y: 12 };
    case "sensor": return { x: 13, y: 13 };
    default: return { x: shape.width / 2, y: shape.height / 2 };
  }
}

export const spot = (at: readonly number[]): { x: number; y: number } => ({ x: at[0] ?? 0, y: at[1] ?? 0 });

/** Where the first of so many lines stands, and which end of them. */
export function labelAt(shape: SymbolShape, count: number): { x: number; y: number; anchor: "start" | "middle" | "end" } {
  const at = spot(shape.at);
  const half = halves(shape);
  const middle = at.y - ((count - 1) * LINE) / 2 + 4;
  switch (shape.side) {
    case "above": return { x: at.x, y: at.y - half.y - GAP - (count - 1) * LINE, anchor: "middle" };
    case "left": return { x: at.x - half.x - GAP, y: middle, anchor: "end" };
    case "right": return { x: at.x + half.x + GAP, y: middle, anchor: "start" };
    default: return { x: at.x, y: at.y + half.y + GAP + 11, anchor: "middle" };
  }
}

/** Width of words of 13 px, near enough for what stands behind them. */
export const widthOf = (text: string): number => [...text].reduce((sum, one) => sum + (one > "\u2e7f" ? 13 : 7), 0);

/** The part of a tank that is full; null while nobody knows. */
export function fullPart(told: Told | null, full: number): number | null {
  return typeof told?.value === "number" ? Math.min(1, Math.max(0, told.value / full)) : null;
}

/** Where the car stands in its shaft; null while nobody knows. The floors stretch to where it is. */
export function carAt(floor: Told | null, shaft: Extract<Shape, { kind: "lift" }>): { top: number; storey: number; floors: number } | null {
  if (typeof floor?.value !== "number") return null;
  const lowest = Math.min(shaft.lowest, Math.floor(floor.value));
  const highest = Math.max(shaft.highest, Math.ceil(floor.value));
  const floors = highest - lowest + 1;
  const storey = shaft.height / floors;
  return { top: spot(shaft.at).y + shaft.height / 2 - (floor.value - lowest + 1) * storey, storey, floors };
}

/** All that a symbol says, for who does not see it. */
export function sentence(name: string, lines: readonly { text: string; age: string; doubt: string; label?: string }[]): string {
  const said = lines.map((line) => [line.label ? `${line.label} ${line.text}` : line.text, line.doubt && `(${line.doubt})`, line.age && `· ${line.age}`].filter(Boolean).join(" "));
  return said.length ? `${name}: ${said.join(", ")}` : name;
}
