import { server } from "@/testing";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type App, createApp, h } from "vue";

import type { Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { language } from "@/i18n/language";
import { question } from "@/shared/ask";
import { permissions } from "@/shared/may";

import RuleDetail from "./RuleDetail.vue";

const PUMP = "riverside/gw-1/pump-1";
const item = (delay: number): Schemas["RuleItem"] => ({
  rule: "pump.cold", equipment_class: "pump", name: { en: "Too cold", zh: "过低" }, source: "class_file", layers: [],
  settings: { cause: "x", severity: "high", on_delay_s: delay, name: { en: "Too cold", zh: "过低" }, condition: { kind: "limit", point: "t", level: "lo", limit: 18 } },
}) as unknown as Schemas["RuleItem"];

/** What the rule is at each place, and how often it was written there; an answer may be held back. */
let places: Record<string, { delay: number; etag: string }>;
let held: Promise<unknown>;
let written: { etag: string | null; at: string; body: unknown }[];
let app: App;

async function answer(asked: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(asked.url);
  if (pathname !== "/api/v1/alarm-rules/pump.cold") return Response.json({ items: [], next_cursor: null });
  const at = searchParams.get("equipment") ?? "";
  if (asked.method === "PUT") {
    written.push({ etag: asked.headers.get("If-Match"), at, body: await asked.json() });
    return Response.json({});
  }
  await held;
  const place = places[at];
  return place ? Response.json(item(place.delay), { headers: { etag: place.etag } }) : Response.json({ detail: "no such place" }, { status: 404 });
}

const delay = (): HTMLInputElement | undefined => [...document.querySelectorAll("label")].find((one) => one.textContent?.startsWith("On delay"))?.querySelector("input") ?? undefined;
const shown = (value: string): Promise<void> => vi.waitFor(() => { expect(delay()?.value).toBe(value); });
async function type(value: string): Promise<void> {
  const field = delay();
  if (!field) throw new Error("no field");
  field.value = value;
  field.dispatchEvent(new Event("input"));
  await vi.waitFor(() => { expect(document.body.textContent).toContain("changed: on_delay_s"); });
}
async function save(): Promise<void> {
  document.querySelector("form")?.dispatchEvent(new Event("submit"));
  await question.value?.act({ reason: "because" });
}
function open(equipment: string): void {
  app = createApp({ render: () => h(RuleDetail, { rule: item(1), equipment, condition: "" }) }).use(i18n).use(VueQueryPlugin, { queryClient });
  app.mount(document.body);
}

beforeEach(() => {
  places = { "": { delay: 5, etag: '"7"' }, [PUMP]: { delay: 9, etag: '"2"' } };
  held = Promise.resolve();
  written = [];
  queryClient.clear();
  language.value = "en";
  permissions.value = new Set(["rules.write", "plant.read"]);
  server.answer = answer;
});
afterEach(() => { app.unmount(); question.value = null; permissions.value = new Set(); });

it("lets nobody type before it knows what holds, and overwrites nothing that was typed", async () => {
  let release = (): void => undefined;
  held = new Promise<void>((resolve) => { release = resolve; });
  open(PUMP);
  await vi.waitFor(() => { expect(document.querySelector("[aria-busy]")).not.toBeNull(); });
  expect(delay()).toBeUndefined();
  release();
  await shown("9");
  await type("30");
  // Somebody else writes; what is typed here is still against what was shown.
  places[PUMP] = { delay: 11, etag: '"3"' };
  await queryClient.invalidateQueries({ queryKey: ["rules"] });
  expect(delay()?.value).toBe("30");
  await save();
  expect(written).toEqual([{ etag: '"2"', at: PUMP, body: { changes: { on_delay_s: 30 }, reason: "because" } }]);
  await shown("11");
});

it("follows what somebody else writes as long as nothing is typed", async () => {
  open(PUMP);
  await shown("9");
  places[PUMP] = { delay: 11, etag: '"3"' };
  await queryClient.invalidateQueries({ queryKey: ["rules"] });
  await shown("11");
});

it("never offers what holds at one place for another", async () => {
  permissions.value = new Set(["rules.try"]);
  open("");
  await shown("5");
  let release = (): void => undefined;
  held = new Promise<void>((resolve) => { release = resolve; });
  const place = document.querySelector<HTMLSelectElement>("#rule-place");
  const option = document.createElement("option");
  option.value = `equipment ${PUMP}`;
  place?.append(option);
  if (place) place.value = option.value;
  place?.dispatchEvent(new Event("change"));
  await vi.waitFor(() => { expect(delay()).toBeUndefined(); });
  release();
  await shown("9");
});
