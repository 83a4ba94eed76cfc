import { expect, it } from "vitest";

import { bodyOf, incidentKey, kept, orderKey, proposed, type Sheet, shares } from "./handover";

const order = (id: number, assignee: string | null, to: string | null) => ({ order: { id, version: id + 10, assignee }, to, why: "off_duty" });
const incident = (id: number, to: string | null) => ({ incident: { id }, to, why: "off_duty" });
const sheet = (orders: unknown[], incidents: unknown[] = []) => ({ site: "garden", orders, incidents }) as Sheet;
const first = sheet([order(1, "wang", "chen"), order(2, "wang", null), order(3, null, "deng")], [incident(1, "deng"), incident(2, null)]);

it("begins with what is proposed", () => {
  expect(proposed(first)).toEqual({ "order/1": "chen", "order/3": "deng", "incident/1": "deng" });
});

it("sends what was chosen with the version that was shown, and nothing that stays", () => {
  const chosen = { ...proposed(first), [orderKey(2)]: "wang", [incidentKey(2)]: "chen" };
  expect(bodyOf(first, chosen, "  ")).toEqual({
    site: "garden",
    orders: [{ id: 1, version: 11, to: "chen" }, { id: 3, version: 13, to: "deng" }],
    incidents: [{ id: 1, to: "deng" }, { id: 2, to: "chen" }],
  });
  expect(bodyOf(first, {}, " water is off ")).toEqual({ site: "garden", orders: [], incidents: [], note: "water is off" });
});

it("keeps what a person chose when the list is read again, and follows the proposal otherwise", () => {
  const later = sheet([order(1, "wang", "deng"), order(2, "wang", "chen")], [incident(1, "deng")]);
  const chosen = { ...proposed(first), [orderKey(2)]: "deng", [incidentKey(1)]: "" };
  expect(kept(chosen, first, later)).toEqual({ "order/1": "deng", "order/2": "deng" });
  expect(kept({}, undefined, later)).toEqual({ "order/1": "deng", "order/2": "chen", "incident/1": "deng" });
});

it("counts who gets how many", () => {
  expect([...shares(bodyOf(first, proposed(first), ""))]).toEqual([["chen", 1], ["deng", 2]]);
});
