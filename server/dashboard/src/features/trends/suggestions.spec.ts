import { expect, it } from "vitest";

import { suggestionsOf } from "./suggestions";

const unit = (id: number, equipment_class: string, more: object = {}) => ({ id, key: `s/g/${equipment_class}-${String(id)}`, equipment_class, retired_at: null, removed_at: null, ...more });
const point = (equipment_id: number, name: string, of = "°C") => ({ equipment_id, key: `${String(equipment_id)}.${name}`, name, unit: of });
const keysOf = (found: readonly { point: { key: string } }[]): string[] => found.map((one) => one.point.key);

it("begins with what is in alarm and goes through the classes in turn", () => {
  const units = [unit(1, "meter"), unit(2, "meter"), unit(3, "pump"), unit(4, "pump")];
  const points = units.map((one) => point(one.id, "value"));
  expect(keysOf(suggestionsOf(units, points, new Set([4]), () => false))).toEqual(["4.value", "1.value", "3.value", "2.value"]);
});

it("takes key figures, and nothing of states or of what is gone", () => {
  const units = [unit(1, "pump"), unit(2, "lift"), unit(3, "pump", { retired_at: "2026-01-01T00:00:00Z" })];
  const points = [point(1, "hours", "h"), point(1, "frequency", "Hz"), point(2, "fault", ""), point(3, "frequency", "Hz")];
  expect(keysOf(suggestionsOf(units, points, new Set(), (_, name) => name === "frequency"))).toEqual(["1.frequency"]);
});

it("offers eight at most", () => {
  const units = Array.from({ length: 20 }, (_, index) => unit(index, "meter"));
  expect(suggestionsOf(units, units.map((one) => point(one.id, "value")), new Set(), () => true)).toHaveLength(8);
});
