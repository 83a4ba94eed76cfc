/** A form over something that others change too. */
import { type Ref, ref, type ShallowRef, shallowRef, watch } from "vue";

interface Kind<T, F> {
  formOf: (from: T) => F;
  /** Both are the same thing, at one time and a later one. */
  isSame: (one: T, other: T) => boolean;
  isTyped: (form: F, from: T) => boolean;
}

/** What is typed is written against what the form began from; a later answer replaces it only while nothing is typed, or by `begin`. */
export function useDraft<T, F>(latest: () => T | undefined, { formOf, isSame, isTyped }: Kind<T, F>): { begun: ShallowRef<T | undefined>; form: Ref<F | undefined>; begin: (from: T | undefined) => void } {
  const begun = shallowRef<T>();
  const form = ref() as Ref<F | undefined>;
  function begin(from: T | undefined): void {
    begun.value = from;
    form.value = from === undefined ? undefined : formOf(from);
  }
  watch(latest, (to) => {
    const isOngoing = to !== undefined && begun.value !== undefined && form.value !== undefined && isSame(to, begun.value) && isTyped(form.value, begun.value);
    if (!isOngoing) begin(to);
  }, { immediate: true });
  return { begun, form, begin };
}
