import { beforeEach, expect, it } from "vitest";

import { estateZone, fromShown, toShown } from "../format";

import { chartOption } from "./option";

const AT = Date.parse("2026-11-22T10:00:00Z");
const draw = (line: [number, number | null][]) =>
  (chartOption({ series: [{ name: "t", unit: "°C", line, band: line.map(([at, v]) => [at, v, v]) }], from: AT, to: AT + 1000 }, () => "#000").series as { id: string; connectNulls: boolean; data: [number, number | null][] }[]);

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

it("leaves a gap a gap, and a zero a zero", () => {
  const series = draw([[AT, 0], [AT + 1, null], [AT + 2, 4]]);
  const line = series.find((one) => one.id === "line0");
  expect(line?.data.map(([, value]) => value)).toEqual([0, null, 4]);
  expect(series.every((one) => !one.connectNulls)).toBe(true);
  expect(series.find((one) => one.id === "high0")?.data.map(([, value]) => value)).toEqual([0, null, 0]);
});

it("draws on the estate's clock, and finds back from it", () => {
  expect(new Date(toShown(AT)).toISOString()).toBe("2026-11-22T18:00:00.000Z");
  for (const zone of ["Asia/Shanghai", "Europe/Berlin", "UTC"]) {
    estateZone.value = zone;
    expect(fromShown(toShown(AT))).toBe(AT);
  }
});

it("draws bands in the colours of the theme that is on when it is drawn", () => {
  const chart = { series: [{ name: "t", unit: "", line: [[AT, 1]] as const }], from: AT, to: AT + 1000, areas: [{ from: AT, to: AT + 500, label: "", colour: "--urgent-back" as const }] };
  const colours = (theme: string) => (chartOption(chart, (name) => `${theme} ${name}`).series as { markArea: { data: { itemStyle?: { color: string } }[][] } }[]).map((one) => one.markArea.data[0]?.[0]?.itemStyle?.color);
  expect([colours("light"), colours("dark")]).toEqual([["light --urgent-back"], ["dark --urgent-back"]]);
});
