import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { bodyOf, formOf, stepProblems, whoText } from "./policies";

const policy = { key: "p", version: 2, sites: ["a"], trades: [], severities: ["urgent"], steps: [{ after_s: 0, who: ["on_duty"], channels: [] }, { after_s: 90, who: ["leader", "person:wang"], channels: ["mail"] }], repeat: 2, repeat_after_s: 600, idle_s: null, accept_gaps: false } as unknown as Schemas["PolicyItem"];

it("brings a policy through its form unchanged", () => {
  const { sites, trades, severities, steps, repeat, repeat_after_s, idle_s, accept_gaps } = policy;
  expect(bodyOf(formOf(policy))).toEqual({ sites, trades, severities, steps, repeat, repeat_after_s, idle_s, accept_gaps });
  expect(formOf(policy).steps[1]?.after_min).toBe(1.5);
});

it("begins a new one with somebody on duty at once", () => {
  expect(formOf(null).steps).toEqual([{ after_min: 0, who: ["on_duty"], channels: [] }]);
});

it("finds steps out of order and steps that tell nobody", () => {
  const form = formOf(policy);
  form.steps[0] = { after_min: 5, who: [], channels: [] };
  expect(stepProblems(form)).toEqual([{ step: 1, problem: "nobody" }, { step: 2, problem: "earlier" }]);
  expect(stepProblems(formOf(policy))).toEqual([]);
});

it("says who in words", () => {
  const words = { word: (kind: string) => kind.toUpperCase(), trade: (key: string) => `<${key}>`, name: (_: string, key: string) => `${key}!` };
  expect(["leader", "on_duty:lift", "person:wang", "team:a"].map((who) => whoText(who, words))).toEqual(["LEADER", "ON_DUTY <lift>", "wang!", "a!"]);
});
