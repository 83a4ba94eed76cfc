import { expect, it } from "vitest";

import { columnsOf, moveTo } from "./board";

type Given = Parameters<typeof moveTo>[0];
const order = (id: number, assignee: string | null, state: Given["state"], ...names: string[]): Given =>
  ({ id, assignee, state, actions: names.map((name) => ({ name, to: "dispatched", fields: [] })) }) as Given;

it("has nobody's orders first, then everybody, then who is in no roster", () => {
  const orders = [order(1, "li", "accepted"), order(2, null, "open"), order(3, "gone", "on_site"), order(4, "li", "completed")];
  const columns = columnsOf(orders, [{ key: "wang", name: "Wang" }, { key: "li", name: "Li" }], "Nobody");
  expect(columns.map((one) => [one.name, one.orders.map((card) => card.id)])).toEqual([["Nobody", [2]], ["Wang", []], ["Li", [1]], ["gone", [3]]]);
});

it("dispatches what has not begun, hands over what has, and takes back", () => {
  expect(moveTo(order(1, null, "open", "dispatch"), "li")?.name).toBe("dispatch");
  expect(moveTo(order(1, "wang", "on_site", "wait", "hand-over"), "li")?.name).toBe("hand-over");
  expect(moveTo(order(1, "li", "dispatched", "recall"), null)?.name).toBe("recall");
  expect(moveTo(order(1, "li", "on_site", "hand-over"), null)).toBeUndefined();
  expect(moveTo(order(1, "li", "open", "dispatch"), "li")).toBeUndefined();
});
