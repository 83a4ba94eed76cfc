import { beforeEach, expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { permissions } from "@/shared/may";

import { clockOf, nextStep, otherSteps } from "./steps";

const action = (name: Schemas["Verb"]) => ({ name, to: "open", fields: [] }) as Schemas["Action"];

beforeEach(() => { permissions.value = new Set(["orders.step"]); });

it("offers one big next step, and the rest beside it", () => {
  const actions = [action("cancel"), action("dispatch"), action("accept")];
  expect(nextStep(actions)?.name).toBe("accept");
  expect(otherSteps(actions).map((one) => one.name)).toEqual(["cancel", "dispatch"]);
  expect(nextStep([action("recall")])).toBeUndefined();
  permissions.value = new Set();
  expect(nextStep(actions)).toBeUndefined();
  expect(otherSteps(actions)).toEqual([]);
});

it("tells the time on site until somebody is there", () => {
  const due = "2026-11-22T10:30:00Z";
  const at = Date.parse(due);
  expect(clockOf({ state: "open", on_site_due_at: due }, at - 60_000)).toEqual({ kind: "left", ms: 60_000 });
  expect(clockOf({ state: "accepted", on_site_due_at: due }, at + 1000)).toEqual({ kind: "late", ms: 1000 });
  expect(clockOf({ state: "on_site", on_site_due_at: due }, at + 1000)).toEqual({ kind: "none" });
  expect(clockOf({ state: "on_site", on_site_due_at: due }, at, due)).toEqual({ kind: "on_site", at });
  expect(clockOf({ state: "open", on_site_due_at: null }, at)).toEqual({ kind: "none" });
});
