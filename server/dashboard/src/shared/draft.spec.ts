import { expect, it } from "vitest";
import { effectScope, nextTick, ref } from "vue";

import { useDraft } from "./draft";

interface Kept { key: string; version: number; text: string }

it("follows what others write while nothing is typed, keeps what is, and begins anew for something else", async () => {
  const latest = ref<Kept | undefined>({ key: "a", version: 1, text: "one" });
  const scope = effectScope();
  await scope.run(async () => {
    const { begun, form, begin } = useDraft<Kept, { text: string }>(() => latest.value, {
      formOf: ({ text }) => ({ text }), isSame: (one, other) => one.key === other.key, isTyped: (typed, from) => typed.text !== from.text,
    });
    const come = async (to: Kept | undefined): Promise<unknown> => { latest.value = to; await nextTick(); return [begun.value?.version, form.value?.text]; };
    expect([begun.value?.version, form.value?.text]).toEqual([1, "one"]);
    expect(await come({ key: "a", version: 2, text: "two" })).toEqual([2, "two"]);
    if (form.value) form.value.text = "mine";
    expect(await come({ key: "a", version: 3, text: "three" })).toEqual([2, "mine"]);
    begin(latest.value);
    expect([begun.value?.version, form.value?.text]).toEqual([3, "three"]);
    if (form.value) form.value.text = "mine again";
    expect(await come({ key: "b", version: 7, text: "other" })).toEqual([7, "other"]);
    expect(await come(undefined)).toEqual([undefined, undefined]);
  });
  scope.stop();
});
