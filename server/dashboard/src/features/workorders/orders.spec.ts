import "fake-indexeddb/auto";

import { server } from "@/testing";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type App, createApp, h } from "vue";
import { createMemoryHistory, createRouter, RouterView } from "vue-router";

import type { Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { language } from "@/i18n/language";
import { claim, leave } from "@/offline/owner";
import { permissions } from "@/shared/may";

import OrdersPage from "./OrdersPage.vue";

const PEOPLE = [{ key: "wang", name: "Wang Wei" }];
const LEAD = { user_id: 1, name: "lead", role: "operator", permissions: [] } as unknown as Schemas["Identity"];
const order = (id: number, more: Partial<Schemas["OrderItem"]> = {}): Schemas["OrderItem"] => ({
  id, version: 1, title_en: `Order ${id}`, title_zh: "", site: "riverside", state: "open", trade: "heating", severity: "low", assignee: null, on_site_due_at: null, arrival_missing: false, waited_from: null,
  actions: [{ name: "dispatch", to: "dispatched", fields: [] }], ...more,
} as unknown as Schemas["OrderItem"]);

/** All orders of the estate; the server gives them in pages, and says what becomes of a step. */
let orders: Schemas["OrderItem"][];
let answerStep: () => Response;
let app: App;

function answer(asked: Request): Response {
  const { pathname, searchParams } = new URL(asked.url);
  if (asked.method === "POST") return answerStep();
  if (pathname === "/api/v1/session") return Response.json(LEAD);
  if (pathname === "/api/v1/persons") return Response.json({ items: PEOPLE, next_cursor: null });
  if (pathname !== "/api/v1/work-orders") return Response.json({ items: [], next_cursor: null });
  const state = searchParams.get("state");
  const found = orders.filter((one) => state === "open" || state === one.state);
  const start = Number(searchParams.get("cursor") ?? 0);
  const end = start + Math.min(200, Number(searchParams.get("limit")));
  return Response.json({ items: found.slice(start, end), next_cursor: end < found.length ? String(end) : null });
}

const cards = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("[data-card]")];
const said = (): string => document.querySelector("[role=status]")?.textContent ?? "";
async function open(query: string): Promise<void> {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: "/orders/:id?", name: "orders", component: OrdersPage }, { path: "/hand-over", name: "hand-over", component: OrdersPage }] });
  await router.push(`/orders?view=board${query}`);
  app = createApp({ render: () => h(RouterView) }).use(i18n).use(VueQueryPlugin, { queryClient }).use(router);
  app.mount(document.body);
}

beforeEach(async () => {
  queryClient.clear();
  language.value = "en";
  permissions.value = new Set(["orders.read", "orders.step", "orders.assign", "people.read"]);
  server.answer = answer;
  await claim(LEAD);
});
afterEach(async () => { app.unmount(); permissions.value = new Set(); await leave(); });

it("has all that is to be done on the board, whatever the list was filtered by", async () => {
  orders = [...Array.from({ length: 230 }, (_, index) => order(index + 1)), order(900, { state: "completed" }), order(901, { trade: "lift" })];
  await open("&state=closed&trade=heating");
  await vi.waitFor(() => { expect(cards()).toHaveLength(230); });
  expect(document.querySelector(".page-head")?.textContent).toContain("230 shown");
});

it("says of an order that it is given when it is, and else why it is not", async () => {
  orders = [order(7)];
  await open("");
  await vi.waitFor(() => { expect(cards()).toHaveLength(1); });
  const give = (): void => { for (const key of [" ", "ArrowRight", "Enter"]) cards()[0]?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); };
  answerStep = () => Response.json({ detail: "Wang Wei is on leave" }, { status: 422 });
  give();
  await vi.waitFor(() => { expect(said()).toBe("Order 7 was not given to Wang Wei: Wang Wei is on leave"); });
  answerStep = () => Response.json({ detail: "somebody was faster" }, { status: 412 });
  give();
  await vi.waitFor(() => { expect(said()).toBe("The order was changed meanwhile"); });
});

it("carries something when it is dragged, as one browser demands", async () => {
  orders = [order(7)];
  await open("");
  await vi.waitFor(() => { expect(cards()).toHaveLength(1); });
  const carried = new Map<string, string>();
  cards()[0]?.dispatchEvent(Object.assign(new Event("dragstart"), { dataTransfer: { setData: (kind: string, text: string) => carried.set(kind, text) } }));
  expect([...carried]).toEqual([["text/plain", "7"]]);
});
