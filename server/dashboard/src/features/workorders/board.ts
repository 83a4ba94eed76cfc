/** The board of who has which orders, and where one may be put. */
import type { Schemas } from "@/api/client";

type Order = Pick<Schemas["OrderItem"], "id" | "assignee" | "state" | "actions">;
export interface Person { key: string; name: string }
export interface Column<T> { key: string | null; name: string; orders: T[] }

/** Work that is not done: who is done with it needs no place on the board. */
const TO_DO = new Set(["open", "dispatched", "accepted", "on_site", "in_progress", "waiting"]);
export const isToDo = (order: Pick<Order, "state">): boolean => TO_DO.has(order.state);

/** Nobody's first, then everybody of the rosters, then who has orders and is not among them. */
export function columnsOf<T extends Order>(orders: readonly T[], people: readonly Person[], nobody: string): Column<T>[] {
  const columns = new Map<string | null, Column<T>>([[null, { key: null, name: nobody, orders: [] }]]);
  for (const { key, name } of people) columns.set(key, { key, name, orders: [] });
  for (const order of orders.filter(isToDo)) {
    const column = columns.get(order.assignee) ?? { key: order.assignee, name: order.assignee ?? "", orders: [] };
    column.orders.push(order);
    columns.set(order.assignee, column);
  }
  return [...columns.values()];
}

/** The step that gives an order to somebody, or takes it back; undefined where it cannot be put. */
export function moveTo(order: Order, to: string | null): Order["actions"][number] | undefined {
  if (to === order.assignee) return undefined;
  const names = to === null ? ["recall"] : ["dispatch", "hand-over"];
  return order.actions.find((action) => names.includes(action.name));
}
