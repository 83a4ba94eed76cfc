import "fake-indexeddb/auto";

import { server } from "@/testing";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type App as VueApp, createApp, h } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";

import { loggedOut } from "@/api/client";
import { queryClient } from "@/api/queries";
import App from "@/App.vue";
import { i18n } from "@/i18n";
import { may } from "@/shared/may";

/** What the server of the tests is asked, and who is logged in there. */
let asked: { path: string; method: string; body: unknown }[] = [];
let here: { name: string; permissions: string[] } | null = null;
let app: VueApp;
const CODE = "123456";

async function answer(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  const body: unknown = request.method === "POST" ? await request.json() : null;
  asked.push({ path, method: request.method, body });
  if (path !== "/api/v1/session") return Response.json({ items: [], next_cursor: null, gaps: [], holes: [], code_lists: [] });
  if (request.method === "POST") {
    const { name, code } = body as { name: string; code: string };
    if (name === "li" && code !== CODE) return Response.json({ detail: "a code is needed", errors: [{ field: "body.code", message: "a code is needed" }] }, { status: 401 });
    here = { name, permissions: name === "li" ? ["plant.read", "equipment.command"] : ["plant.read"] };
  }
  return here ? Response.json({ user_id: 1, must_change_password: false, role: "viewer", ...here }) : Response.json({ detail: "log in" }, { status: 401 });
}

class Silent { static CLOSED = 2; addEventListener(): void { /* says nothing */ } close(): void { /* as before */ } }

const field = (kind: string): HTMLInputElement => document.querySelector<HTMLInputElement>(`input[autocomplete=${kind}]`) ?? (() => { throw new Error(`no field ${kind}`); })();
function fill(kind: string, text: string): void {
  field(kind).value = text;
  field(kind).dispatchEvent(new Event("input"));
}
async function enter(name: string): Promise<void> {
  await vi.waitFor(() => field("username"));
  fill("username", name);
  fill("current-password", "correct horse battery");
  document.querySelector("form")?.dispatchEvent(new Event("submit"));
}

beforeEach(() => {
  asked = [];
  here = null;
  loggedOut.value = false;
  queryClient.clear();
  vi.stubGlobal("EventSource", Silent);
  server.answer = answer;
  const router = createRouter({ history: createMemoryHistory(), routes: ["overview", "alarms", "orders", "equipment", "trends", "people", "rules", "gateways", "account"].map((name) => ({ path: name === "overview" ? "/" : `/${name}`, name, component: { render: () => h("h1", name) } })) });
  app = createApp(App).use(i18n).use(VueQueryPlugin, { queryClient }).use(router);
  app.mount(document.body);
});
afterEach(() => { app.unmount(); vi.unstubAllGlobals(); });

it("asks for the code of a second factor when the server does", async () => {
  await enter("li");
  await vi.waitFor(() => field("one-time-code"));
  fill("one-time-code", CODE);
  document.querySelector("form")?.dispatchEvent(new Event("submit"));
  await vi.waitFor(() => { expect(may("equipment.command")).toBe(true); });
  expect(asked.filter((one) => one.method === "POST").map((one) => (one.body as { code: string }).code)).toEqual(["", CODE]);
});

it("gives whoever enters after another one's session their own rights and nothing that was read before", async () => {
  await vi.waitFor(() => field("username"));
  here = { name: "li", permissions: ["plant.read", "equipment.command"] };
  await queryClient.invalidateQueries({ queryKey: ["session"] });
  await vi.waitFor(() => { expect(may("equipment.command")).toBe(true); });
  queryClient.setQueryData(["equipment", "all"], [{ id: 1, key: "secret" }]);
  loggedOut.value = true;
  await enter("wang");
  await vi.waitFor(() => { expect(document.querySelector("header")).not.toBeNull(); });
  expect(may("plant.read")).toBe(true);
  expect(may("equipment.command")).toBe(false);
  expect(queryClient.getQueryData(["equipment", "all"])).not.toEqual([{ id: 1, key: "secret" }]);
});
