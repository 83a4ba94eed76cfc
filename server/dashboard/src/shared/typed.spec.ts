import { expect, it } from "vitest";
import { createApp, h, nextTick, ref, withDirectives } from "vue";

import { vTyped } from "./typed";

it("shows what is written elsewhere, but never over what somebody is typing", async () => {
  const text = ref("pump");
  const rows = ref(0);
  const root = document.body.appendChild(document.createElement("div"));
  createApp({ render: () => h("p", [withDirectives(h("input"), [[vTyped, text.value]]), String(rows.value)]) }).mount(root);
  const field = root.querySelector("input") as HTMLInputElement;
  expect(field.value).toBe("pump");
  field.focus();
  field.value = "lift";
  rows.value = 7;
  await nextTick();
  expect([field.value, root.textContent]).toEqual(["lift", "7"]);
  field.blur();
  text.value = "valve";
  await nextTick();
  expect(field.value).toBe("valve");
});
