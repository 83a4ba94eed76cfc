import { expect, it } from "vitest";
import { createApp, h, nextTick, ref } from "vue";

import { i18n } from "@/i18n";

import KeyPicker from "./KeyPicker.vue";

const options = [{ value: "p-1", label: "Pump 1" }, { value: "p-10", label: "Pump 10" }, { value: "p-11", label: "Pump 11" }, { value: "lift", label: "Lift" }];

it("takes what the list has, however it is entered, and nothing else", async () => {
  const chosen = ref<string[]>([]);
  const app = createApp({ render: () => h(KeyPicker, { modelValue: chosen.value, options, label: "Equipment", "onUpdate:modelValue": (to: string[]) => { chosen.value = to; } }) }).use(i18n);
  app.mount(document.body);
  const field = (): HTMLInputElement => document.querySelector("input") as HTMLInputElement;
  const say = async (text: string, event: Event): Promise<void> => {
    field().value = text;
    field().dispatchEvent(event);
    await nextTick();
  };
  await say("Pump 1", new InputEvent("input", { inputType: "insertText" }));
  expect(chosen.value).toEqual([]); // Pump 10 may be meant
  await say("Pump 10", new InputEvent("input", { inputType: "insertReplacementText" }));
  expect(chosen.value).toEqual(["p-10"]);
  await say("p-2", new InputEvent("input", { inputType: "insertText" }));
  field().dispatchEvent(new Event("change"));
  expect(chosen.value).toEqual(["p-10"]);
  await say("p-1", new InputEvent("input", { inputType: "insertText" }));
  expect(chosen.value).toEqual(["p-10"]); // p-11 may be meant
  field().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  expect(chosen.value).toEqual(["p-10", "p-1"]);
  await nextTick();
  await say("Lift", new InputEvent("input", { inputType: "insertText" }));
  expect(chosen.value).toEqual(["p-10", "p-1", "lift"]); // it can be nothing else
  document.querySelector<HTMLButtonElement>(".gone")?.click();
  expect(chosen.value).toEqual(["p-1", "lift"]);
  app.unmount();
});
