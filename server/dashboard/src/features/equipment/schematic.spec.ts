import { expect, it } from "vitest";

import { carAt, flows, fullPart, labelAt, linesOf, sentence, stateOf, type SymbolShape, type Tell, type Told } from "./schematic";

const told = (value: Told["value"], more: Partial<Told> = {}): Told => ({ name: "Point", text: String(value), value, doubt: "", age: "3 s", ...more });
const telling = (points: Record<string, Told>): Tell => (point) => (point ? (points[point] ?? null) : null);
const words = { state: (state: string) => state, floor: (text: string) => `floor ${text}`, door: (open: boolean) => (open ? "door open" : "door closed") };
const pump: SymbolShape = { kind: "pump", equipment: "p", at: [100, 100], turn: 0, shows: ["frequency"], side: "right", run: "run", fault: "fault" };
const valve: SymbolShape = { kind: "valve", equipment: "v", at: [100, 100], turn: 0, shows: [], side: "above", opening: "position", fault: null };
const lift: SymbolShape = { kind: "lift", equipment: "l", at: [50, 100], turn: 0, shows: [], side: "below", width: 40, height: 120, lowest: 1, highest: 12, floor: "floor", door_open: "door_open", direction: "direction", fault: "fault", trapped: "trapped" };

it("says what a pump does, and that nobody knows", () => {
  const lines = (points: Record<string, Told>) => linesOf(pump, telling(points), words).map((line) => `${line.text}|${line.doubt}|${line.bad}`);
  expect(lines({ run: told(true), fault: told(false), frequency: told(38.2, { text: "38.2 Hz" }) })).toEqual(["running||false", "38.2 Hz||false"]);
  expect(lines({ run: told(false) })).toEqual(["stopped||false"]);
  expect(lines({ run: told(true, { doubt: "stale: offline" }), fault: told(true) })).toEqual(["fault|stale: offline|true"]);
  expect(lines({})).toEqual(["unknown||false"]);
  expect(lines({ run: told(null, { doubt: "bad" }) })).toEqual(["unknown|bad|false"]);
});

it("tells a valve by its position or by a contact, and zero is closed, not unknown", () => {
  const state = (value: Told["value"]) => stateOf(valve, telling({ position: told(value) }));
  expect([state(0), state(40), state(true), state(false), state(null)]).toEqual(["closed", "opened", "opened", "closed", "unknown"]);
});

it("says floor, direction and door of a lift, and entrapment first", () => {
  const points = { floor: told(7), direction: told("up", { text: "Up" }), door_open: told(false) };
  expect(linesOf(lift, telling(points), words).map((line) => line.text)).toEqual(["floor 7 · Up", "door closed"]);
  const trapped = linesOf(lift, telling({ ...points, trapped: told(true), fault: told(true) }), words);
  expect(trapped[0]).toMatchObject({ text: "trapped", bad: true });
  expect(linesOf(lift, telling({ floor: told(null, { doubt: "stale" }) }), words)).toMatchObject([{ text: "–", doubt: "stale" }]);
});

it("stands the car at its floor, in a shaft that reaches it", () => {
  if (lift.kind !== "lift") throw new Error("no lift");
  expect(carAt(told(1), lift)).toEqual({ top: 150, storey: 10, floors: 12 });
  expect(carAt(told(12), lift)?.top).toBe(40);
  expect(carAt(told(-2), lift)).toEqual({ top: 152, storey: 8, floors: 15 });
  expect(carAt(told(null), lift)).toBeNull();
});

it("knows whether water flows, or that nobody knows", () => {
  expect([flows(told(0)), flows(told(0.4)), flows(told(true)), flows(told(null)), flows(null), flows(told(5, { doubt: "stale" }))]).toEqual([false, true, true, null, null, null]);
});

it("fills a tank between empty and full", () => {
  expect([fullPart(told(1), 2), fullPart(told(9), 2), fullPart(told(-1), 2), fullPart(told(null), 2), fullPart(told("1"), 2)]).toEqual([0.5, 1, 0, null, null]);
});

it("puts lines at the side that was asked for", () => {
  expect(labelAt(pump, 3)).toEqual({ x: 128, y: 89, anchor: "start" });
  expect(labelAt(valve, 2)).toEqual({ x: 100, y: 65, anchor: "middle" });
  expect(labelAt(lift, 2)).toEqual({ x: 50, y: 179, anchor: "middle" });
});

it("says everything in one sentence", () => {
  expect(sentence("Pump 2", [{ text: "running", age: "3 s", doubt: "" }, { label: "Frequency", text: "38 Hz", age: "", doubt: "stale" }])).toBe("Pump 2: running · 3 s, Frequency 38 Hz (stale)");
  expect(sentence("Pump 2", [])).toBe("Pump 2");
});
