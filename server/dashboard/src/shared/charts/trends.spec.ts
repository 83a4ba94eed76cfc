import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { gapsOf, seriesOfRaw, seriesOfSlices } from "./trends";

const POINT = { id: 1, key: "k", equipment_id: 1, name: "t", unit: "°C", name_en: "T", name_zh: "温度" };
const trends = (item: object, more = {}) => ({ from: "2026-11-22T10:00:00Z", to: "2026-11-22T11:00:00Z", start: null, width_ms: null, slices: null, items: [{ point: POINT, ...item }], ...more }) as Schemas["Trends"];

it("makes a gap of a reading that is not good", () => {
  const [one] = seriesOfRaw(trends({ after_ms: [0, 1000, 2000], value: [1, 2, 0], quality: ["good", "bad", "good"] }), (point) => point.name_en);
  expect(one?.line.map(([, value]) => value)).toEqual([1, null, 0]);
});

it("does not join over silence, but holds a value that is reported now and then", () => {
  const values = (after: number[]) => seriesOfRaw(trends({ after_ms: after, value: after.map(() => 7), quality: after.map(() => "good") }), (point) => point.name_en)[0]?.line.map(([, value]) => value);
  expect(values([0, 300_000, 600_000, 600_000 + 3_600_000])).toEqual([7, 7, 7, null, 7]);
  expect(values([0, 900_000, 1_800_000, 2_700_000])).toEqual([7, 7, 7, 7]);
});

it("draws states as steps", () => {
  const [one] = seriesOfRaw(trends({ after_ms: [0, 5], value: [true, false], quality: ["good", "good"] }), (point) => point.name_en);
  expect(one).toMatchObject({ step: true });
  expect(one?.line.map(([, value]) => value)).toEqual([1, 0]);
});

it("puts the mean in the middle of its slice, the band around it, and last week above this one", () => {
  const answer = trends({ avg: [4, 6], min: [3, 6], max: [5, 7] }, { start: "2026-11-22T10:00:00Z", width_ms: 60_000, slices: 2 });
  const at = Date.parse("2026-11-22T10:00:30Z");
  expect(seriesOfSlices(answer, (point) => point.name_en)[0]).toMatchObject({ line: [[at, 4], [at + 60_000, 6]], band: [[at, 3, 5], [at + 60_000, 6, 7]] });
  expect(seriesOfSlices(answer, (point) => point.name_en, 1000)[0]).toMatchObject({ faint: true, line: [[at + 1000, 4], [at + 61_000, 6]] });
});

it("holds a value over slices that are shorter than its reports, and breaks at silence and at what is not good", () => {
  const minutes = (avg: (number | null)[], bad: number[] = []) => seriesOfSlices(trends({ avg, min: avg, max: avg, bad_count: avg.map((_, index) => (bad.includes(index) ? 1 : 0)) }, { start: "2026-11-22T10:00:00Z", width_ms: 60_000, slices: avg.length }), (point) => point.name_en)[0] ?? { name: "", unit: "", line: [] };
  const rare = Array.from({ length: 41 }, (_, index) => (index % 5 ? null : 7));
  expect(minutes(rare).line.map(([, value]) => value)).toEqual(Array.from({ length: 9 }, () => 7));
  expect(gapsOf(minutes(rare, [12]))).toBe(1);
  expect(minutes([1, 1, ...Array.from({ length: 30 }, () => null), 2]).line.map(([, value]) => value)).toEqual([1, 1, null, 2]);
});

it("shows an outage of one slice where slices are longer than the silence between reports", () => {
  const answer = (avg: (number | null)[], width: number) => seriesOfSlices(trends({ avg, min: avg, max: avg, bad_count: avg.map(() => 0) }, { start: "2026-11-22T10:00:00Z", width_ms: width, slices: avg.length }), (point) => point.name_en)[0] ?? { name: "", unit: "", line: [] };
  const outage = Array.from({ length: 20 }, (_, index) => (index === 7 ? null : 4));
  expect(gapsOf(answer(outage, 1_008_000))).toBe(1); // a week in 600 slices
  expect(gapsOf(answer(outage, 52_560_000))).toBe(1); // a year
  expect(gapsOf(answer(outage, 144_000))).toBe(0); // a day: it was silent for less than it may be
  expect(gapsOf(answer(outage.map((value, index) => (index > 6 && index < 11 ? null : value)), 144_000))).toBe(1);
});
