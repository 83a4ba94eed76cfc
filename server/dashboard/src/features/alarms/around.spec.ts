import { expect, it } from "vitest";

import { pointsAround } from "./around";

const point = (id: number, name: string, unit: string, value: unknown = 1) => ({ id, name, unit, live: { value } });
const PUMP = [point(1, "fault", "", true), point(2, "run_hours", "h"), point(3, "power", "kW"), point(4, "frequency", "Hz"), point(5, "current", "A"), point(6, "setpoint", "Hz"), point(7, "mode", "", "auto")];

it("draws two units at most: the alarm's and one more; a trend opens with the rest", () => {
  expect(pointsAround(PUMP, { id: 1, unit: "" })).toEqual({ drawn: [1, 4, 6], opened: [1, 4, 6, 3, 5, 2] });
  expect(pointsAround(PUMP, { id: 5, unit: "A" })).toEqual({ drawn: [5, 4, 6], opened: [5, 4, 6, 3, 2] });
});

it("draws no more lines than can be told apart", () => {
  const many = Array.from({ length: 12 }, (_, index) => point(index, `t${index}`, "°C"));
  const { drawn, opened } = pointsAround(many, { id: 0, unit: "°C" });
  expect([drawn.length, opened.length]).toEqual([4, 8]);
});

it("draws the alarm's own point where nothing else is known", () => {
  expect(pointsAround([], { id: 9, unit: "kPa" })).toEqual({ drawn: [9], opened: [9] });
});
