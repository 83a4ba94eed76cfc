import { expect, it } from "vitest";

import type { Action, Order, Verb } from "./db";
import { type Walk, withWaiting } from "./overlay";
import { fitted } from "./picture";

const named = (name: Verb): Walk[number]["actions"][number] => ({ name, to: "open", fields: [] });
const WALK: Walk = [
  { state: "accepted", arrival_missing: true, waited_from: null, of_resident: false, actions: [named("arrive")] },
  { state: "on_site", arrival_missing: false, waited_from: null, of_resident: false, actions: [named("start")] },
  { state: "waiting", arrival_missing: false, waited_from: "on_site", of_resident: false, actions: [named("resume")] },
];
const ORDER = { id: 7, state: "open", arrival_missing: true, waited_from: null, of_resident: false, assignee: null, actions: [named("accept")] } as unknown as Order;
const step = (verb: Verb, to: Order["state"], trouble: Action["trouble"] = null): Action =>
  ({ orderId: 7, work: { kind: "step", verb, to, body: {} }, trouble }) as unknown as Action;
const next = (...actions: Action[]): unknown[] => {
  const shown = withWaiting(ORDER, actions, WALK);
  return [shown.state, shown.actions.map((one) => one.name)];
};

it("shows an order as it will be, with the steps that follow", () => {
  expect(next()).toEqual(["open", ["accept"]]);
  expect(next(step("accept", "accepted"))).toEqual(["accepted", ["arrive"]]);
  expect(next(step("accept", "accepted"), step("arrive", "on_site"))).toEqual(["on_site", ["start"]]);
  expect(next(step("arrive", "on_site"), step("wait", "waiting"))).toEqual(["waiting", ["resume"]]);
});

it("does not count on what is in doubt", () => {
  expect(next(step("accept", "accepted", { kind: "conflict", message: "" }))).toEqual(["open", ["accept"]]);
});

it("fits photos into a square and never enlarges them", () => {
  expect(fitted(4000, 3000, 1600)).toEqual({ width: 1600, height: 1200 });
  expect(fitted(3000, 6000, 1600)).toEqual({ width: 800, height: 1600 });
  expect(fitted(640, 480, 1600)).toEqual({ width: 640, height: 480 });
});
