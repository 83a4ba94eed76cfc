import { VueQueryPlugin } from "@tanstack/vue-query";
import { expect, it, vi } from "vitest";
import { createApp, h } from "vue";
import { createMemoryHistory, createRouter } from "vue-router";

/** The client takes fetch when it is imported; nobody is answered before `letGo`. */
const server = vi.hoisted(() => {
  let letGo = (): void => { /* nobody waits yet */ };
  const held = new Promise<void>((done) => { letGo = done; });
  const items = [{ id: 7, key: "s/lift-a", name_en: "Lift A", name_zh: "", equipment_class: "lift" }];
  globalThis.fetch = async (what) => {
    await held;
    return Response.json({ items: (what as Request).url.includes("equipment") ? items : [], next_cursor: null });
  };
  return { letGo: () => { letGo(); } };
});

import { queryClient } from "@/api/queries";
import CommandPalette from "@/app/CommandPalette.vue";
import { i18n } from "@/i18n";
import { permissions } from "@/shared/may";

it("goes where Enter was meant to once it knows", async () => {
  permissions.value = new Set(["plant.read"]);
  const page = (name: string, path: string) => ({ name, path, component: { render: () => h("h1", name) } });
  const router = createRouter({ history: createMemoryHistory(), routes: [page("overview", "/"), page("equipment", "/equipment/:id?")] });
  const app = createApp(CommandPalette).use(i18n).use(VueQueryPlugin, { queryClient }).use(router);
  app.mount(document.body);
  const field = document.querySelector("input");
  if (!field) throw new Error("no field");
  field.value = "lift a";
  field.dispatchEvent(new Event("input"));
  await vi.waitFor(() => { expect(document.querySelector(".none")?.textContent).toContain(i18n.global.t("state.loading")); });
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  server.letGo();
  await vi.waitFor(() => { expect(router.currentRoute.value.fullPath).toBe("/equipment/7"); });
  app.unmount();
});
