import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { chosenOf, confirmWord, currentStep, fittingByHand, noteText } from "./plans";

const unit = (key: string, equipment_class: string) => ({ key, equipment_class, name_en: key, name_zh: "", online: true });
const plan = { equipment: { valve: { class: "valve" }, lift: { class: "elevator", key: "a/gw/lift-b" } }, sites: ["a"] } as unknown as Schemas["EmergencyPlan"];

it("offers by hand what has the class, the key and the estate of the plan", () => {
  const units = [unit("a/gw/v1", "valve"), unit("a/gw/v2", "valve"), unit("b/gw/v3", "valve"), unit("a/gw/lift-a", "elevator"), unit("a/gw/lift-b", "elevator")];
  const found = fittingByHand(plan, units);
  expect(found.valve?.map((one) => one.key)).toEqual(["a/gw/v1", "a/gw/v2"]);
  expect(found.lift?.map((one) => one.key)).toEqual(["a/gw/lift-b"]);
});

it("chooses what alone fits, and forgets a choice that fits no more", () => {
  const fitting = { valve: [unit("v1", ""), unit("v2", "")], lift: [unit("l", "")], none: [] };
  expect(chosenOf(fitting, { valve: "v2" })).toEqual({ valve: "v2", lift: "l", none: "" });
  expect(chosenOf(fitting, { valve: "gone" })).toEqual({ valve: "", lift: "l", none: "" });
});

it("names what a confirmation means", () => {
  const step = (state: string, kind: string, ...actions: string[]) => ({ state, kind, actions }) as Schemas["PlanStepItem"];
  expect(confirmWord(step("confirming", "command", "confirm", "skip"))).toBe("carry_out");
  expect(confirmWord(step("confirming", "message", "confirm", "skip"))).toBe("send");
  expect(confirmWord(step("waiting", "task", "confirm", "skip"))).toBe("done");
  expect(confirmWord(step("attention", "command", "confirm", "retry", "skip"))).toBe("by_hand");
  expect(confirmWord(step("commanded", "command", "second", "skip"))).toBe("second");
  expect(confirmWord(step("commanded", "command"))).toBeUndefined();
});

it("has no current step when the run is over", () => {
  const steps = [{ step: "a" }, { step: "b" }] as Schemas["PlanStepItem"][];
  expect(currentStep({ steps, step: "b", ended_at: null })?.step).toBe("b");
  expect(currentStep({ steps, step: "b", ended_at: "2026-11-29T00:00:00Z" })).toBeUndefined();
});

it("says the server's notes in Chinese, and leaves what people wrote", () => {
  expect(noteText("the command was not done: interlock", "zh")).toBe("命令未执行：interlock");
  expect(noteText("command 7, waits for a second person", "zh")).toBe("命令 7，等待第二人确认");
  expect(noteText("pumps run", "zh")).toBe("pumps run");
  expect(noteText("nobody confirmed it", "en")).toBe("nobody confirmed it");
});
