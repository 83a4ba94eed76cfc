import { beforeEach, expect, it } from "vitest";

import { estateZone } from "@/shared/format";

import { conditionText, onsetsPerDay } from "./rules";

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

it("says a condition in one line", () => {
  const name = (point: string) => point.toUpperCase();
  expect(conditionText({ kind: "limit", point: "level", level: "hihi", limit: 2.5, deadband: 0 }, name)).toBe("LEVEL > 2.5");
  expect(conditionText({ kind: "limit", point: "level", level: "lo", limit: 1, deadband: 0 }, name)).toBe("LEVEL < 1");
  expect(conditionText({ kind: "state", point: "fault", equals: true }, name)).toBe("FAULT = true");
});

it("counts alarms by the estate's days, none left out", () => {
  const days = onsetsPerDay([{ at: "2026-11-22T17:00:00Z" }, { at: "2026-11-22T15:00:00Z" }], Date.parse("2026-11-21T10:00:00Z"), Date.parse("2026-11-23T10:00:00Z"));
  expect(days).toEqual([{ day: "2026-11-21", alarms: 0 }, { day: "2026-11-22", alarms: 1 }, { day: "2026-11-23", alarms: 1 }]);
});
