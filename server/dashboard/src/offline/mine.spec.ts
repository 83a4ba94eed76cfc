import "fake-indexeddb/auto";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type App, createApp, h } from "vue";

import { queryClient } from "@/api/queries";
import { permissions } from "@/shared/may";

import { change, type Owner, store, wipe } from "./db";
import { keep, keepMine, unkept } from "./keep";
import { useOrder, useWalk } from "./mine";
import { ownerId } from "./owner";

/** The client takes fetch when it is imported. */
const server = vi.hoisted(() => {
  const one = { answer: (asked: Request): Promise<Response> => Promise.reject(new Error(`nobody is there for ${asked.url}`)) };
  globalThis.fetch = (what: RequestInfo | URL) => one.answer(what instanceof Request ? what : new Request(new URL(String(what), location.origin)));
  return one;
});

const LI = 1;
type Order = Parameters<typeof keep>[1];
const order = (id: number, version = 1, files = 0): Order => ({ id, version, files: Array.from({ length: files }, (_, at) => ({ id: at + 1, has_thumbnail: true })), events: [], actions: [] }) as unknown as Order;
const kept = async (): Promise<string[]> => (await (await store()).getAll("orders")).map((one) => `${one.id} v${one.order.version} ${Object.keys(one.thumbs).length}`);
const never = new Promise<Response>(() => { /* the line hangs */ });

/** Make the browser somebody's. */
const owned = (id: number): Promise<unknown> => change((on) => on.objectStore("owner").put({ identity: { user_id: id }, locked: false } as Owner, "owner"));

let asked: string[] = [];
let answers: Record<string, () => Promise<Response> | Response> = {};
let app: App | null = null;

beforeEach(async () => {
  await wipe();
  await owned(LI);
  ownerId.value = LI;
  unkept.value = 0;
  asked = [];
  answers = {};
  permissions.value = new Set(["orders.read", "orders.step"]);
  queryClient.clear();
  server.answer = async (request) => {
    const path = new URL(request.url).pathname.replace("/api/v1/", "");
    asked.push(path);
    return (await answers[path]?.()) ?? Response.json({ detail: "not found" }, { status: 404 });
  };
});
afterEach(() => { app?.unmount(); app = null; });

const has = (...orders: Order[]): void => { for (const one of orders) answers[`work-orders/${one.id}`] = () => Response.json(one); };
const mounted = <T>(use: () => T): T => {
  let made: T | undefined;
  app = createApp({ setup() { made = use(); return () => h("p"); } }).use(VueQueryPlugin, { queryClient });
  app.mount(document.createElement("div"));
  return made as T;
};

it("keeps the others when one order is refused, gone or broken, and counts what is missing", async () => {
  has(order(1), order(4));
  answers["work-orders/2"] = () => Response.json({ detail: "not yours" }, { status: 403 });
  answers["work-orders/3"] = () => Response.json({ detail: "broken" }, { status: 500 });
  await keepMine(LI, [order(1), order(2), order(3), order(4), order(5)]);
  expect(await kept()).toEqual(["1 v1 0", "4 v1 0"]);
  expect(unkept.value).toBe(1);
});

it("stops asking where nobody answers, and says how many are missing", async () => {
  has(order(1));
  answers["work-orders/2"] = () => Promise.reject(new Error("no line"));
  await keepMine(LI, [order(1), order(2), order(3)]);
  expect(asked).toEqual(["work-orders/1", "work-orders/2"]);
  expect(unkept.value).toBe(2);
});

it("has an order on the phone before its images, and asks for those again that did not come", async () => {
  answers["work-orders/1"] = () => Response.json(order(1, 1, 2));
  answers["work-orders/1/files/1/thumbnail"] = () => new Response(new Uint8Array(3));
  answers["work-orders/1/files/2/thumbnail"] = () => never;
  void keep(LI, order(1, 1, 2));
  await vi.waitFor(() => { expect(asked).toContain("work-orders/1/files/2/thumbnail"); });
  expect(await kept()).toEqual(["1 v1 0"]);
  answers["work-orders/1/files/2/thumbnail"] = () => new Response("busy", { status: 503 });
  await keepMine(LI, [order(1)]);
  expect(await kept()).toEqual(["1 v1 1"]);
  answers["work-orders/1/files/2/thumbnail"] = () => new Response(new Uint8Array(3));
  await keepMine(LI, [order(1)]);
  expect(await kept()).toEqual(["1 v1 2"]);
});

it("leaves a later version as it is", async () => {
  await keep(LI, order(1, 5));
  await keep(LI, order(1, 4));
  expect(await kept()).toEqual(["1 v5 0"]);
});

it("writes nothing that arrives after a logout, or for whoever came next", async () => {
  for (const next of [null, 2]) {
    await owned(LI);
    answers["work-orders/1"] = async () => {
      await wipe();
      if (next) await owned(next);
      return Response.json(order(1));
    };
    await keepMine(LI, [order(1)]);
    expect([await kept(), await (await store()).getAll("lists")]).toEqual([[], []]);
  }
});

it("shows an order although its image hangs", async () => {
  has(order(1, 1, 1));
  answers["work-orders/1/files/1/thumbnail"] = () => never;
  const shown = mounted(() => useOrder(1));
  await vi.waitFor(() => { expect(shown.order.value?.id).toBe(1); });
});

it("asks for the walk once, whatever happens to orders", async () => {
  answers["work-orders/walk"] = () => Response.json({ items: [] });
  const { known } = mounted(() => useWalk());
  await vi.waitFor(() => { expect(known.value).toEqual([]); });
  await queryClient.invalidateQueries({ queryKey: ["orders"] });
  expect(asked).toEqual(["work-orders/walk"]);
  await vi.waitFor(async () => { expect(await (await store()).getAllKeys("lists")).toEqual(["walk"]); });
});
