import { beforeEach, expect, it } from "vitest";

import { estateZone } from "@/shared/format";

import { applied, changesOf, type Duty, gapsOf, inShifts, newGaps, snap } from "./roster";

const H = 3_600_000;
const T0 = Date.parse("2026-11-23T00:00:00Z"); // 08:00 in Shanghai
const duty = (person: string, from: number, to: number): Duty => ({ person, start: T0 + from * H, end: T0 + to * H });
const hours = (spans: readonly { start: number; end: number }[]): number[][] => spans.map((one) => [(one.start - T0) / H, (one.end - T0) / H]);

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

const week = [duty("wang", 0, 12), duty("li", 12, 24)];
const after = (...changes: Parameters<typeof applied>[1]) => gapsOf(applied(week, changes), T0, T0 + 24 * H);

it("takes a duty without a break apart where shifts begin, on the estate's clock", () => {
  expect(hours(inShifts([duty("wang", 0, 48)], ["08:00", "20:00"]))).toEqual([[0, 12], [12, 24], [24, 36], [36, 48]]);
  expect(inShifts([duty("wang", 2, 5)], ["08:00"])).toEqual([duty("wang", 2, 5)]);
});

it("hands a duty over without a gap", () => {
  const changes = changesOf({ duty: week[0] as Duty, person: "zhao", shift: 0, onto: null });
  expect(changes).toEqual([{ start: T0, end: T0 + 12 * H, off: "wang", on: "zhao" }]);
  expect(after(...changes)).toEqual([]);
});

it("shows the gap that a move in time opens, and moves only what differs", () => {
  const changes = changesOf({ duty: week[0] as Duty, person: "wang", shift: 2 * H, onto: null });
  expect(changes).toEqual([{ start: T0, end: T0 + 2 * H, off: "wang" }, { start: T0 + 12 * H, end: T0 + 14 * H, on: "wang" }]);
  expect(hours(after(...changes))).toEqual([[0, 2]]);
});

it("means nothing when it is let go where it was", () => {
  expect(changesOf({ duty: week[0] as Duty, person: "wang", shift: 0, onto: null })).toEqual([]);
});

it("swaps two duties, and nobody is missed", () => {
  const changes = changesOf({ duty: week[0] as Duty, person: "li", shift: 0, onto: week[1] as Duty });
  expect(applied(week, changes)).toEqual([duty("li", 0, 12), duty("wang", 12, 24)]);
  expect(after(...changes)).toEqual([]);
});

it("tells gaps that were there before from new ones", () => {
  const before = gapsOf([duty("wang", 0, 12)], T0, T0 + 24 * H);
  const now = gapsOf([duty("wang", 2, 12)], T0, T0 + 24 * H);
  expect(hours(newGaps(before, now))).toEqual([[0, 2]]);
  expect(newGaps(before, before)).toEqual([]);
});

it("snaps to half hours", () => {
  expect([snap(0.7 * H), snap(-0.2 * H), snap(0.8 * H)]).toEqual([0.5 * H, -0, 1 * H]);
});
