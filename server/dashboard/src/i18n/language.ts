/** The language of the interface; zh-CN unless the browser or the user says otherwise. */
import { ref, watchEffect } from "vue";

export type Language = "zh" | "en";

function chosen(): Language {
  const kept = localStorage.getItem("language");
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.startsWith("en") ? "en" : "zh";
}

export const language = ref<Language>(chosen());

watchEffect(() => { document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en"; });

export function setLanguage(to: Language): void {
  language.value = to;
  localStorage.setItem("language", to);
}

interface Named { name_en?: string | null; name_zh?: string | null; key?: string; name?: string }

/** The name in the language of the interface, else in the other one, else the key. */
export function nameOf(thing: Named | undefined): string {
  if (!thing) return "";
  const [first, second] = language.value === "zh" ? [thing.name_zh, thing.name_en] : [thing.name_en, thing.name_zh];
  return first || second || thing.name || thing.key || "";
}

export const wordOf = (words: { en: string; zh: string } | undefined): string => (words ? words[language.value] || words.en : "");

/** Things one after the other, as each language writes them. */
export const listed = (words: readonly string[]): string => words.join(language.value === "zh" ? "、" : ", ");
