import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { fits, ofState, readFilters, writeFilters } from "./filters";

it("come back from the address as they went into it", () => {
  const filters = { state: "shelved", severity: "high", text: "pump 2", incident: 4, equipment: null } as const;
  expect(readFilters(writeFilters(filters) as Record<string, string>)).toEqual(filters);
  expect(writeFilters(readFilters({}))).toEqual({});
});

it("pass over what an address misspells", () => {
  expect(readFilters({ state: "opne", severity: "pink", incident: "x" })).toEqual({ state: "open", severity: "", text: "", incident: null, equipment: null });
});

it("find an alarm by words of either language", () => {
  const alarm = { name_en: "Fault", name_zh: "循环泵故障", equipment_name_en: "Circulation pump 2", equipment_name_zh: "2号供暖循环泵", point: "r/p/fault", rule: "heating_pump.fault", acknowledged_by: null, incident_id: 1 } as unknown as Schemas["AlarmItem"];
  const filters = readFilters({});
  expect(fits(alarm, { ...filters, text: "循环泵 fault" })).toBe(true);
  expect(fits(alarm, { ...filters, text: "lift" })).toBe(false);
  expect(fits(alarm, { ...filters, incident: 2 })).toBe(false);
});

it("takes of an incident's alarms those that are open, over, or all", () => {
  const alarms = [{ id: 1, closed_at: null }, { id: 2, closed_at: "2026-11-22T10:00:00Z" }] as Schemas["AlarmItem"][];
  expect((["open", "closed", "all"] as const).map((state) => ofState(alarms, state).map((one) => one.id))).toEqual([[1], [2], [1, 2]]);
});
