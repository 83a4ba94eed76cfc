import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { changesOf, formOf, formProblems, layerWith } from "./draft";

const rule = { cause: "x", severity: "high", on_delay_s: 5, name: { en: "Below {limit}", zh: "低于 {limit}" }, condition: { kind: "limit", point: "t", level: "lo", limit: 18 } } as Schemas["AlarmRule"];

it("says nothing when nothing was changed", () => {
  expect(changesOf(formOf(rule), rule)).toEqual({});
  expect(formProblems(formOf(rule))).toEqual([]);
});

it("changes a condition whole, the rest one by one", () => {
  const form = formOf(rule);
  const [limit] = form.figures;
  if (limit) limit.value = "16.5";
  form.mode = "monitor";
  form.on_delay_s = 60;
  form.name_zh = "过低";
  expect(changesOf(form, rule)).toEqual({ condition: { kind: "limit", point: "t", level: "lo", limit: 16.5, deadband: 0 }, mode: "monitor", on_delay_s: 60, name: { en: "Below {limit}", zh: "过低" } });
});

it("takes an empty figure for none where there may be none, and for a mistake elsewhere", () => {
  const stale = formOf({ ...rule, condition: { kind: "stale", point: "t", after_s: 60 } });
  stale.figures = stale.figures.map((one) => ({ ...one, value: "" }));
  expect(formProblems(stale)).toEqual([]);
  const limit = formOf(rule);
  limit.figures = limit.figures.map((one) => ({ ...one, value: "" }));
  limit.off_delay_s = -1;
  expect(formProblems(limit)).toEqual(["limit", "deadband", "off_delay_s"]);
});

it("keeps what a place said before", () => {
  const item = { layers: [{ scope: "class", target: "", changes: { severity: "low" } }, { scope: "site", target: "a", changes: { on_delay_s: 9 } }] } as unknown as Schemas["RuleItem"];
  expect(layerWith(item, "site", { mode: "monitor" })).toEqual({ on_delay_s: 9, mode: "monitor" });
  expect(layerWith(item, "equipment", { mode: "monitor" })).toEqual({ mode: "monitor" });
  expect(layerWith(item, "class", {})).toEqual({ severity: "low" });
});
