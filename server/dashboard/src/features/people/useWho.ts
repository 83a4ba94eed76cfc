/** Whom a step of an escalation may tell, in words. */
import { computed, type ComputedRef, type Ref } from "vue";

import type { Schemas } from "@/api/client";
import { serverWord } from "@/i18n";
import { TRADES } from "@/shared/trades";

import { whoText } from "./policies";

const KINDS = ["on_duty", "leader", "manager", "contractor"] as const;

export function useWho(persons: Ref<Schemas["PersonItem"][] | undefined>, teams: Ref<Schemas["TeamItem"][] | undefined>): { options: ComputedRef<{ value: string; label: string }[]>; say: (who: string) => string } {
  const say = (who: string): string => whoText(who, {
    word: (kind) => serverWord("who", kind), trade: (key) => serverWord("trade", key),
    name: (kind, key) => (kind === "person" ? persons.value : teams.value)?.find((one) => one.key === key)?.name ?? key,
  });
  const options = computed(() => [...KINDS, ...TRADES.map((trade) => `on_duty:${trade}`), ...(persons.value ?? []).map((one) => `person:${one.key}`), ...(teams.value ?? []).map((one) => `team:${one.key}`)].map((value) => ({ value, label: say(value) })));
  return { options, say };
}
