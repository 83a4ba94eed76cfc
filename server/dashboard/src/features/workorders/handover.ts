/** The change of a shift: who goes on with what, as it is proposed, chosen and sent. */
import type { Schemas } from "@/api/client";

export type Sheet = Pick<Schemas["HandOverSheet"], "site" | "orders" | "incidents">;
/** To whom each thing goes, by its name; what stays is not in it. */
export type Choice = Readonly<Record<string, string>>;

export const orderKey = (id: number): string => `order/${String(id)}`;
export const incidentKey = (id: number): string => `incident/${String(id)}`;

/** What the server proposes. */
export function proposed(sheet: Sheet): Choice {
  return Object.fromEntries([
    ...sheet.orders.flatMap((one) => (one.to === null ? [] : [[orderKey(one.order.id), one.to]])),
    ...sheet.incidents.flatMap((one) => (one.to === null ? [] : [[incidentKey(one.incident.id), one.to]])),
  ]);
}

/** What was chosen so far, over what is proposed now; what is not there any more is forgotten. */
export function kept(before: Choice, old: Sheet | undefined, sheet: Sheet): Choice {
  const was = old ? proposed(old) : {};
  const now = proposed(sheet);
  const names = [...sheet.orders.map((one) => orderKey(one.order.id)), ...sheet.incidents.map((one) => incidentKey(one.incident.id))];
  return Object.fromEntries(names.flatMap((name) => {
    const to = before[name] === was[name] ? now[name] : before[name];
    return to ? [[name, to]] : [];
  }));
}

/** The one confirmation; orders as they were shown, so that a change in between is noticed. */
export function bodyOf(sheet: Sheet, choice: Choice, note: string): Schemas["HandOverIn"] {
  const words = note.trim();
  return {
    site: sheet.site,
    orders: sheet.orders.flatMap(({ order }) => {
      const to = choice[orderKey(order.id)];
      return to && to !== order.assignee ? [{ id: order.id, version: order.version, to }] : [];
    }),
    incidents: sheet.incidents.flatMap(({ incident }) => {
      const to = choice[incidentKey(incident.id)];
      return to ? [{ id: incident.id, to }] : [];
    }),
    ...(words ? { note: words } : {}),
  };
}

/** How many things each gets. */
export function shares(body: Pick<Schemas["HandOverIn"], "orders" | "incidents">): Map<string, number> {
  const found = new Map<string, number>();
  for (const one of [...(body.orders ?? []), ...(body.incidents ?? [])]) found.set(one.to, (found.get(one.to) ?? 0) + 1);
  return found;
}
