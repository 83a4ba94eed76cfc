import { VueQueryPlugin } from "@tanstack/vue-query";
import { expect, it, vi } from "vitest";
import { createApp, h, nextTick, shallowRef } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";

/** The client takes fetch when it is imported. */
vi.hoisted(() => { globalThis.fetch = () => Promise.resolve(Response.json({ items: [], code_lists: [], next_cursor: null })); });

import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { setLanguage } from "@/i18n/language";
import type { LiveValue } from "@/live/values";

import type { Picture } from "./schematic";
import SchematicDrawing from "./SchematicDrawing.vue";

const live = (point_id: number, value: LiveValue["value"], quality = "good", reason = ""): LiveValue => ({ point_id, value, quality, reason, taken_at: new Date().toISOString() });
const point = (id: number, name: string, unit = ""): Picture["equipment"][number]["points"][number] => ({ id, key: `s/g/p/${name}`, equipment_id: 7, name, unit, name_en: name, name_zh: name, writable: false, interlock: "", words: {}, minimum: null, maximum: null, live: null });
const place = { equipment: "p", at: [50, 50], turn: 0 as const, shows: [], side: "below" as const };
const picture: Picture = {
  schematic: "x", name_en: "Station", name_zh: "站", width: 200, height: 100,
  equipment: [{ id: 7, key: "s/g/p", name_en: "Pump", name_zh: "泵", equipment_class: "heating_pump", online: true, points: [point(1, "run"), point(2, "frequency", "Hz")] }],
  shapes: [
    { shape: { kind: "pipe", equipment: "p", path: [[0, 50], [200, 50]], flow: "run", dashed: false }, equipment_id: 7, moved: [0, 0] },
    { shape: { kind: "pump", ...place, shows: ["frequency"], run: "run", fault: null }, equipment_id: 7, moved: [0, 10] },
    { shape: { kind: "exchanger", ...place, equipment: null, width: 60, height: 80 }, equipment_id: null, moved: [0, 0] },
  ],
};

it("follows the values in words, form and line, and leads to the equipment", async () => {
  setLanguage("en");
  const values = shallowRef(new Map<number, LiveValue>());
  const router = createRouter({ history: createMemoryHistory(), routes: [{ name: "equipment", path: "/equipment/:id?", component: { render: () => h("h1", "there") } }] });
  const app = createApp({ render: () => h(SchematicDrawing, { picture, values: () => values.value, own: 3 }) }).use(i18n).use(VueQueryPlugin, { queryClient }).use(router);
  const root = app.mount(document.body.appendChild(document.createElement("div"))).$el as SVGElement;
  const told = async (...all: LiveValue[]): Promise<string> => {
    values.value = new Map(all.map((one) => [one.point_id, one]));
    await nextTick();
    return root.querySelector("a")?.getAttribute("aria-label") ?? "";
  };
  // What shows nothing is no link.
  expect(root.querySelectorAll("a")).toHaveLength(1);
  expect(await told()).toBe("Pump: Unknown (stale), frequency – (stale)");
  expect(root.querySelector(".pipe")?.classList).toContain("unknown");
  expect(await told(live(1, true), live(2, 38.2))).toMatch(/^Pump: Running · 0 s, frequency 38.2.Hz · 0 s$/);
  expect(root.querySelector(".pipe")?.classList).toContain("flowing");
  expect(root.querySelector(".solid")).not.toBeNull();
  expect(root.querySelector(".doubtful")).toBeNull();
  expect(await told(live(1, false, "stale", "silent"), live(2, 0))).toMatch(/^Pump: Stopped \(stale: .+\) · 0 s, frequency 0.Hz/);
  expect(root.querySelector(".doubtful")).not.toBeNull();
  expect(root.querySelector(".solid")).toBeNull();
  root.querySelector("a")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, button: 0 }));
  await vi.waitFor(() => { expect(router.currentRoute.value.fullPath).toBe("/equipment/7"); });
  app.unmount();
});
