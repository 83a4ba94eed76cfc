import { expect, it } from "vitest";

import { fileOf, moved, readView, summaryOf, writeView } from "./view";

const NOW = Date.parse("2026-11-22T10:00:00Z");
const POINT = { id: 1, key: "s/p/t", equipment_id: 1, name: "t", unit: "°C", name_en: "Supply, hot", name_zh: "供水温度" };

it("comes back from its link", () => {
  const fixed = { points: ["1", "s/p/t"], range: null, from: NOW - 1000, to: NOW, week: true };
  expect(readView(writeView(fixed) as Record<string, string[]>, NOW + 5)).toEqual(fixed);
  expect(readView({ point: "3", range: "d7" }, NOW)).toMatchObject({ points: ["3"], range: "d7", to: NOW });
  expect(readView({ from: "x", to: "y", range: "z" }, NOW)).toMatchObject({ range: "h24" });
});

it("moves by a share of its length and not into the future", () => {
  const view = readView({ range: "h1" }, NOW);
  expect(moved(view, -1, NOW)).toMatchObject({ to: NOW - 3_600_000, range: null });
  expect(moved(view, 1, NOW)).toMatchObject({ to: NOW, from: NOW - 3_600_000 });
});

it("exports what is shown: readings of an hour, slices of more, in the language of the screen", () => {
  const address = (view: Parameters<typeof fileOf>[0], kind: "export" | "workbook") => new URL(fileOf(view, kind, "zh"), location.origin);
  const hour = address({ points: ["1", "s/p/t&x"], range: null, from: NOW - 3_600_000, to: NOW, week: false }, "export");
  expect(hour.pathname).toBe("/api/v1/trends/export");
  expect([...hour.searchParams]).toEqual([["point", "1"], ["point", "s/p/t&x"], ["from", "2026-11-22T09:00:00.000Z"], ["to", "2026-11-22T10:00:00.000Z"], ["raw", "true"], ["language", "zh"]]);
  const day = address({ points: ["1"], range: null, from: NOW - 86_400_000, to: NOW, week: true }, "workbook");
  expect([...day.searchParams].slice(3)).toEqual([["slices", "600"], ["show", "min"], ["show", "avg"], ["show", "max"], ["language", "zh"]]);
});

it("sums up what is there", () => {
  expect(summaryOf({ point: POINT, min: [1, null], avg: [2, null], max: [5, null] })).toEqual({ min: 1, mean: 2, max: 5 });
  expect(summaryOf({ point: POINT, after_ms: [0, 1, 2], value: [1, 99, 3], quality: ["good", "bad", "good"] })).toEqual({ min: 1, mean: 2, max: 3 });
  expect(summaryOf({ point: POINT, min: [], avg: [], max: [] })).toEqual({ min: null, mean: null, max: null });
});
