import { watchEffect } from "vue";
import { createI18n } from "vue-i18n";

import en from "./en";
import { language } from "./language";
import zh from "./zh";

export const i18n = createI18n({ legacy: false, locale: language.value, fallbackLocale: "en", messages: { zh, en } });

watchEffect(() => { i18n.global.locale.value = language.value; });

/** A word of the server (a state, a verb, a reason), or itself when it is new. */
export function serverWord(group: "severity" | "alarm" | "order" | "verb" | "reason" | "quality" | "role" | "trade" | "field" | "step" | "message" | "event" | "commandstate" | "planstate" | "planstep" | "planchange" | "who" | "permission" | "reach" | "mode" | "port", word: string): string {
  const key = `${group}.${word}`;
  return i18n.global.te(key) || i18n.global.te(key, "en") ? i18n.global.t(key) : word.replaceAll("_", " ");
}

/** The name of a port; in parentheses stands where devices hang that are on none of the file's. */
export const portWord = (name: string): string => (name.startsWith("(") ? serverWord("port", name.slice(1, -1)) : name);
