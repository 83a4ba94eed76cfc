/** Escalation policies in words, and the form that edits them; pure. */
import type { Schemas } from "@/api/client";

type Policy = Schemas["PolicyItem"];
type Step = Schemas["StepSettings"];

/** A form knows minutes; what is empty is said as the server has it: no limit. */
export interface PolicyForm { key: string; sites: string[]; trades: string[]; severities: string[]; steps: { after_min: number; who: string[]; channels: string[] }[]; repeat: number; repeat_after_min: number; idle_min: number | ""; accept_gaps: boolean }

export const minutes = (seconds: number): number => Math.round((seconds / 60) * 100) / 100;

export function formOf(policy: Policy | null): PolicyForm {
  return {
    key: policy?.key ?? "", sites: [...(policy?.sites ?? [])], trades: [...(policy?.trades ?? [])], severities: [...(policy?.severities ?? [])],
    steps: (policy?.steps ?? [{ after_s: 0, who: ["on_duty"] } as Step]).map((step) => ({ after_min: minutes(step.after_s), who: [...step.who], channels: [...(step.channels ?? [])] })),
    repeat: policy?.repeat ?? 0, repeat_after_min: minutes(policy?.repeat_after_s ?? 900), idle_min: policy?.idle_s ? minutes(policy.idle_s) : "", accept_gaps: policy?.accept_gaps ?? false,
  };
}

const seconds = (given: number): number => Math.round(given * 60_000) / 1000;

export function bodyOf(form: PolicyForm): Schemas["PolicyIn"] {
  return {
    sites: form.sites, trades: form.trades as Schemas["Trade"][], severities: form.severities as Schemas["Severity"][],
    steps: form.steps.map((step) => ({ after_s: seconds(step.after_min), who: step.who, channels: step.channels })),
    repeat: form.repeat, repeat_after_s: seconds(form.repeat_after_min), idle_s: form.idle_min === "" ? null : seconds(form.idle_min), accept_gaps: form.accept_gaps,
  };
}

/** What is wrong with the order of the steps, by their number from 1. */
export function stepProblems(form: PolicyForm): { step: number; problem: "earlier" | "nobody" }[] {
  return form.steps.flatMap((step, index) => {
    const before = form.steps[index - 1];
    return [
      ...(before && step.after_min < before.after_min ? [{ step: index + 1, problem: "earlier" as const }] : []),
      ...(step.who.length ? [] : [{ step: index + 1, problem: "nobody" as const }]),
    ];
  });
}

/** A word of `who`, in words: on_duty:lift is on duty and the trade, person:KEY is a name. */
export function whoText(who: string, words: { word: (kind: string) => string; trade: (key: string) => string; name: (kind: "person" | "team", key: string) => string }): string {
  const [kind = "", key] = who.split(":");
  if (!key) return words.word(kind);
  return kind === "person" || kind === "team" ? words.name(kind, key) : `${words.word(kind)} ${words.trade(key)}`;
}
