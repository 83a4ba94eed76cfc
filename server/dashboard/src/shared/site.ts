/** The site that the screens are about; it is kept on this desk. */
import { ref } from "vue";

const KEPT = "site";
export const site = ref(localStorage.getItem(KEPT) ?? "");

export function setSite(key: string): void {
  site.value = key;
  localStorage.setItem(KEPT, key);
}

export const keptSite = (): string => localStorage.getItem(KEPT) ?? "";

/** Show another one for a while, or again the one that was chosen (null). */
export function showSite(key: string | null): void { site.value = key ?? keptSite(); }

/** Whether something belongs to the site that was chosen; keys begin with their site. */
export function isHere(key: string): boolean {
  return !site.value || key === site.value || key.startsWith(`${site.value}/`);
}
