/** An order as it will be once what waits has been sent; the walk says which steps lead where. */
import type { Schemas } from "@/api/client";

import type { Action, Order } from "./db";

export type Walk = Schemas["Walk"]["items"];
type Standing = Pick<Order, "state" | "arrival_missing" | "waited_from" | "of_resident">;

/** Where an order stands after a step. */
function stepped(at: Standing, to: Standing["state"]): Standing {
  return {
    of_resident: at.of_resident,
    state: to,
    arrival_missing: at.arrival_missing && to !== "on_site",
    waited_from: to === "waiting" ? at.state : null,
  };
}

export function actionsAt(walk: Walk, at: Standing): Schemas["Action"][] {
  const from = at.state === "waiting" ? at.waited_from ?? "accepted" : null;
  return walk.find((one) => one.state === at.state && one.of_resident === at.of_resident && one.arrival_missing === at.arrival_missing && one.waited_from === from)?.actions ?? [];
}

/** The order with the steps that wait taken; what is written down beside them is shown as waiting by its list. */
export function withWaiting(order: Order, actions: readonly Action[], walk: Walk): Order {
  const steps = actions.flatMap(({ orderId, work, trouble }) => (orderId === order.id && work.kind === "step" && !trouble ? [work] : []));
  if (!steps.length) return order;
  let at: Standing = order;
  let { assignee } = order;
  for (const step of steps) {
    at = stepped(at, step.to);
    if (step.body.assignee) assignee = step.body.assignee;
  }
  return { ...order, ...at, assignee, actions: actionsAt(walk, at) };
}
