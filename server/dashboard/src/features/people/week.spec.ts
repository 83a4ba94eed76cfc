import { beforeEach, expect, it } from "vitest";

import { estateZone } from "@/shared/format";

import { midnight, weekOf } from "./week";

const span = (start: string, end: string, part = "duty") => ({ start, end, person: "w", name: "Wang", part });

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

it("begins at the estate's midnight", () => {
  expect(new Date(midnight(Date.parse("2026-11-22T17:00:00Z"))).toISOString()).toBe("2026-11-22T16:00:00.000Z");
  estateZone.value = "Europe/Berlin";
  expect(new Date(midnight(Date.parse("2026-10-24T22:00:00Z"), 1)).toISOString()).toBe("2026-10-25T23:00:00.000Z");
});

it("shows the hours in which nobody is on duty, a leader does not fill them", () => {
  const from = Date.parse("2026-11-22T16:00:00Z");
  const [first, second] = weekOf([span("2026-11-22T16:00:00Z", "2026-11-23T04:00:00Z"), span("2026-11-23T04:00:00Z", "2026-11-24T16:00:00Z", "leader")], from);
  expect(first?.free.map((one) => [one.left, one.width])).toEqual([[50, 50]]);
  expect(second?.free.map((one) => one.width)).toEqual([100]);
  expect(first?.bars).toHaveLength(2);
});
