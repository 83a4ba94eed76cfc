/** The steps of an order: what comes next, and asking before it is done. */
import type { Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n, serverWord } from "@/i18n";
import { nameOf } from "@/i18n/language";
import { type Done, perform } from "@/offline/perform";
import { ask } from "@/shared/ask";
import { may } from "@/shared/may";
import { hasArrived } from "@/shared/orders";
import { say } from "@/shared/say";

type Order = Schemas["OrderItem"];
const t = i18n.global.t;

/** What somebody with this order in hand does next; the rest is beside the way. */
const NEXT: readonly Schemas["Verb"][] = ["accept", "arrive", "start", "resume", "complete", "verify", "call-back", "close"];

export const orderTitle = (order: Order): string => nameOf({ name_en: order.title_en, name_zh: order.title_zh });

export function nextStep(actions: readonly Schemas["Action"][]): Schemas["Action"] | undefined {
  if (!may("orders.step")) return undefined;
  return NEXT.map((verb) => actions.find((action) => action.name === verb)).find((action) => action !== undefined);
}

export function otherSteps(actions: readonly Schemas["Action"][]): Schemas["Action"][] {
  if (!may("orders.step")) return [];
  const next = nextStep(actions);
  return actions.filter((action) => action !== next);
}

export type Clock = { kind: "none" } | { kind: "on_site"; at: number } | { kind: "left"; ms: number } | { kind: "late"; ms: number };

/** Where an order stands against its time on site. */
export function clockOf(order: Pick<Order, "state" | "on_site_due_at">, now: number, onSiteAt: string | null = null): Clock {
  if (onSiteAt) return { kind: "on_site", at: Date.parse(onSiteAt) };
  if (!order.on_site_due_at || hasArrived(order)) return { kind: "none" };
  const left = Date.parse(order.on_site_due_at) - now;
  return left < 0 ? { kind: "late", ms: -left } : { kind: "left", ms: left };
}

/** Ask for what a step needs, then do it: sent now, or written down until somebody answers. */
export function askForStep(order: Order, action: Schemas["Action"], people: readonly { key: string; name: string }[] = []): void {
  const whom = people.map((one) => ({ value: one.key, label: one.name }));
  ask({
    title: serverWord("verb", action.name), about: `#${order.id} ${orderTitle(order)}`, yes: serverWord("verb", action.name),
    fields: action.fields.map((field) => ({
      name: field.name, label: serverWord("field", field.name), required: field.required,
      ...(field.allowed ? { kind: "choice" as const, value: field.allowed[0] ?? "", choices: field.allowed.map((value) => ({ value, label: serverWord("reason", value) })) } : {}),
      ...(field.name === "assignee" && whom.length ? { kind: "choice" as const, value: "", choices: field.required ? whom : [{ value: "", label: "" }, ...whom] } : {}),
    })),
    act: async (values) => {
      const body: Schemas["StepIn"] = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
      await step(order, action, body);
    },
  });
}

export async function step(order: Order, action: Pick<Schemas["Action"], "name" | "to">, body: Schemas["StepIn"]): Promise<void> {
  told(await perform(order, { kind: "step", verb: action.name, to: action.to, body }), serverWord("verb", action.name));
}

/** Say what became of it; a conflict is shown at the order. */
export function told(done: Done, what: string): void {
  void queryClient.invalidateQueries({ queryKey: ["orders"] });
  say(done === "sent" ? t("orders.done", { verb: what }) : done === "waiting" ? t("queue.kept") : t("queue.trouble.conflict"));
}
