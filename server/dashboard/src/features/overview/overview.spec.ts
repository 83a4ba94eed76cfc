import { expect, it } from "vitest";

import { nextOnWall, ordersAtRisk, siteRows, systemRows } from "./overview";

const unit = (id: number, equipment_class: string, online = true) => ({ id, equipment_class, online, removed_at: null, retired_at: null });
const alarm = (equipment_id: number, severity: "urgent" | "low", state: "unacknowledged" | "shelved" = "unacknowledged") => ({ equipment_id, severity, state });

it("counts equipment, not alarms, and puts first what is worst", () => {
  const rows = systemRows([unit(1, "pump"), unit(2, "pump", false), unit(3, "lift"), { ...unit(4, "lift"), removed_at: "2026-01-01T00:00:00Z" }], [alarm(3, "urgent"), alarm(3, "low"), alarm(1, "low")], (name) => name);
  expect(rows).toEqual([
    { trade: "lift", all: 1, abnormal: 1, away: 0, worst: "urgent" },
    { trade: "pump", all: 2, abnormal: 1, away: 1, worst: "low" },
  ]);
});

it("leaves out what is shelved", () => {
  expect(systemRows([unit(1, "pump")], [alarm(1, "urgent", "shelved")], (name) => name)[0]?.worst).toBeNull();
});

it("shows orders before they are late, and none that somebody has reached", () => {
  const at = (minutes: number) => new Date(minutes * 60_000).toISOString();
  const orders = [{ state: "open", on_site_due_at: at(20) }, { state: "dispatched", on_site_due_at: at(-5) }, { state: "on_site", on_site_due_at: at(-9) }, { state: "open", on_site_due_at: at(90) }, { state: "open", on_site_due_at: null }];
  expect(ordersAtRisk(orders, 0).map(({ left }) => left / 60_000)).toEqual([-5, 20]);
});

it("puts the estate first where something is wrong, and shows those where nothing is", () => {
  const at = (site: string, id: number, online = true) => ({ ...unit(id, "pump", online), site });
  const rows = siteRows(["b", "a", "c"], [at("a", 1), at("b", 2, false), at("c", 3)], [alarm(3, "low")]);
  expect(rows.map((one) => one.site)).toEqual(["c", "b", "a"]);
  expect(rows[0]).toEqual({ site: "c", all: 1, abnormal: 1, away: 0, worst: "low" });
  expect(siteRows(["d"], [], [])).toEqual([{ site: "d", all: 0, abnormal: 0, away: 0, worst: null }]);
});

it("goes round the estates on a wall only while nothing is open", () => {
  expect(nextOnWall(["a", "b"], "", true)).toBe("a");
  expect(nextOnWall(["a", "b"], "b", true)).toBe("a");
  expect(nextOnWall(["a", "b"], "b", false)).toBe("");
  expect(nextOnWall(["a"], "", true)).toBe("");
});
