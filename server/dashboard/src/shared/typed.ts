/** The value of a field that is also written from elsewhere: what somebody is typing there is not overwritten. */
import type { ObjectDirective } from "vue";

function show(field: HTMLInputElement, value: string): void {
  if (field.value !== value) field.value = value;
}

export const vTyped: ObjectDirective<HTMLInputElement, string> = {
  mounted(field, { value }) { show(field, value); },
  updated(field, { value }) { if (document.activeElement !== field) show(field, value); },
};
