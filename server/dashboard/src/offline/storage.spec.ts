import { VueQueryPlugin } from "@tanstack/vue-query";
import { beforeEach, expect, it, vi } from "vitest";
import { createApp, h } from "vue";

import type { Refused } from "@/api/client";
import { permissions } from "@/shared/may";
import { queryClient } from "@/api/queries";

import { storageFails } from "./db";
import { useOrder } from "./mine";
import { claim, keptIdentity, leave, lock, ownerId } from "./owner";
import { perform } from "./perform";

/** A browser that keeps nothing, and a server that is asked. */
const server = vi.hoisted(() => {
  const one = { answer: (asked: Request): Promise<Response> => Promise.reject(new Error(`nobody is there for ${asked.url}`)) };
  globalThis.fetch = (what: RequestInfo | URL) => one.answer(what instanceof Request ? what : new Request(new URL(String(what), location.origin)));
  return one;
});
vi.mock("idb", () => ({ openDB: () => Promise.reject(new Error("storage is blocked")) }));

type Identity = Parameters<typeof claim>[0];
const LI = { user_id: 1, name: "li" } as Identity;
const ORDER = { id: 7, version: 3, title_en: "Pump", title_zh: "水泵" };
const COMMENT = { kind: "comment", body: { comment: "dry" } } as const;

beforeEach(() => { storageFails.value = false; });

it("lets people in and out, and says that nothing is kept", async () => {
  await claim(LI);
  expect([ownerId.value, storageFails.value]).toEqual([1, true]);
  await lock();
  expect(ownerId.value).toBeNull();
  await claim(LI);
  await leave();
  expect([ownerId.value, keptIdentity.value]).toEqual([null, null]);
});

it("reads an order all the same", async () => {
  await claim(LI);
  permissions.value = new Set(["orders.read", "orders.step"]);
  server.answer = () => Promise.resolve(Response.json({ ...ORDER, files: [], events: [], actions: [] }));
  let shown: ReturnType<typeof useOrder> | undefined;
  const app = createApp({ setup() { shown = useOrder(7); return () => h("p"); } }).use(VueQueryPlugin, { queryClient });
  app.mount(document.createElement("div"));
  await vi.waitFor(() => { expect(shown?.order.value?.id).toBe(7); });
  expect(shown?.error.value).toBeNull();
  app.unmount();
});

it("sends what cannot be written down, or says that nothing was done", async () => {
  await claim(LI);
  const asked: string[] = [];
  server.answer = (request) => { asked.push(`${new URL(request.url).pathname} ${request.headers.get("If-Match") ?? ""}`); return Promise.resolve(Response.json({}, { status: 201 })); };
  expect(await perform(ORDER, COMMENT)).toBe("sent");
  expect(asked).toEqual([`/api/v1/work-orders/7/comments "3"`]);
  server.answer = () => Promise.reject(new Error("no line"));
  const told = await perform(ORDER, COMMENT).catch((error: unknown) => error as Refused);
  expect(told).toMatchObject({ status: 503 });
});
