import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";
import { worstByEquipment } from "@/shared/severity";

import { groupPlant } from "./tree";

const unit = (id: number, name_en: string, equipment_class: string, online = true) => ({ id, name_en, name_zh: "", key: `s/g/${id}`, site: "s", equipment_class, online, profile: "", building: "" }) as Schemas["EquipmentItem"];
const group = (text: string, worst = new Map()) => groupPlant([unit(1, "Pump 10", "pump"), unit(2, "Pump 2", "pump", false), unit(3, "Lift", "lift")], text, (one) => one.name_en, (one) => one.equipment_class, (one) => (one.equipment_class === "lift" ? "lift" : "heating"), worst);

it("stands by system, in the order in which people count", () => {
  expect(group("").map((one) => [one.trade, one.units.map((each) => each.name_en), one.away])).toEqual([["heating", ["Pump 2", "Pump 10"], 1], ["lift", ["Lift"], 0]]);
});

it("keeps what has every word", () => {
  expect(group("pump 10")).toHaveLength(1);
  expect(group("boiler")).toEqual([]);
});

it("shows the worst alarm of a group, whatever is shelved", () => {
  const worst = worstByEquipment([{ equipment_id: 1, severity: "low", state: "unacknowledged" }, { equipment_id: 1, severity: "high", state: "acknowledged" }, { equipment_id: 3, severity: "urgent", state: "shelved" }]);
  expect(group("", worst).map((one) => one.worst)).toEqual(["high", null]);
});

it("stands by building within its site, and last where nobody has written one", () => {
  const at = (id: number, site: string, building: string) => ({ ...unit(id, `Pump ${id}`, "pump"), site, building });
  const groups = groupPlant([at(1, "b", "1"), at(2, "a", ""), at(3, "a", "10"), at(4, "a", "2")], "", (one) => one.name_en, () => "", () => "heating", new Map());
  expect(groups.map((one) => [one.site, one.building])).toEqual([["a", "2"], ["a", "10"], ["a", ""], ["b", "1"]]);
});
