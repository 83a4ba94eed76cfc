import { beforeEach, expect, it } from "vitest";

import { estateZone } from "@/shared/format";

import { alarmValue, behindOf, countsNothing, isMonth, lastMonths, listOf, percent } from "./figures";

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

it("never writes a missing figure as zero, nor a zero as missing", () => {
  expect([percent(null), percent(0), percent(0.98765), percent(1)]).toEqual(["–", "0\u202f%", "98.77\u202f%", "100\u202f%"]);
  expect(alarmValue({ unit: "per_10_min" }, 0.001)).toBe("< 0.01");
  expect([alarmValue({ unit: "count" }, null), alarmValue({ unit: "count" }, 0), alarmValue({ unit: "per_10_min" }, 0.126)]).toEqual(["–", "0", "0.13"]);
});

it("counts months on the estate's calendar", () => {
  // 2026-12-31T17:00Z is January in Shanghai.
  expect(lastMonths(Date.parse("2026-12-31T17:00:00Z"), 3)).toEqual(["2027-01", "2026-12", "2026-11"]);
  expect(["2026-13", "2026-1", "1850-01", "2026-12"].map(isMonth)).toEqual([false, false, false, true]);
});

it("knows a month in which no order counts, whatever equipment there is", () => {
  const equipment = { orders_met: null, met: 25, missed: 1 };
  expect(countsNothing([{ orders_met: "/work-orders?x", met: 0, missed: 0 }, equipment])).toBe(true);
  expect(countsNothing([{ orders_met: "/work-orders?x", met: 0, missed: 1 }, equipment])).toBe(false);
});

it("opens the list that an address says", () => {
  const from = (list: string) => behindOf((name) => (name === "list" ? list : ""));
  expect(from("orders.on_time.met")).toEqual({ kind: "orders", figure: "on_time", part: "met" });
  expect(from("alarms.peak")).toEqual({ kind: "alarms", figure: "peak", part: "missed" });
  expect([from(""), from("people.x"), from("orders")]).toEqual([null, null, null]);
  expect(listOf({ kind: "orders", figure: "on_time", part: "met" })).toBe("orders.on_time.met");
});
