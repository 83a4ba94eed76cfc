/** A rule in a form, and what of it differs; pure. */
import type { Schemas, Severity } from "@/api/client";

type Rule = Schemas["AlarmRule"];
type Condition = Rule["condition"];

/** The figures of each kind of condition that may be changed, and whether they may be left empty. */
const FIGURES: Readonly<Record<Condition["kind"], readonly (readonly [name: string, kind: "number" | "text", optional: boolean])[]>> = {
  limit: [["limit", "number", false], ["deadband", "number", false]],
  rate: [["change", "number", false], ["within_s", "number", false]],
  stuck: [["for_s", "number", false], ["band", "number", false]],
  stale: [["after_s", "number", true]],
  expression: [["when", "text", false], ["until", "text", true]],
  state: [],
  unreachable: [],
};

export interface Figure { name: string; kind: "number" | "text"; optional: boolean; value: string }
export interface RuleForm { figures: Figure[]; while: string; on_delay_s: number | ""; off_delay_s: number | ""; severity: Severity; mode: "announce" | "monitor"; enabled: boolean; work_order: boolean; name_en: string; name_zh: string }

export function formOf(rule: Rule): RuleForm {
  const values = rule.condition as unknown as Record<string, unknown>;
  return {
    figures: FIGURES[rule.condition.kind].map(([name, kind, optional]) => ({ name, kind, optional, value: values[name] === null || values[name] === undefined ? (kind === "number" && !optional ? "0" : "") : String(values[name]) })),
    while: rule.while ?? "", on_delay_s: rule.on_delay_s ?? 0, off_delay_s: rule.off_delay_s ?? 0,
    severity: rule.severity, mode: rule.mode ?? "announce", enabled: rule.enabled ?? true, work_order: rule.work_order ?? true, name_en: rule.name.en, name_zh: rule.name.zh,
  };
}

const figureOf = (one: Figure): number | string | null => (one.value === "" ? null : one.kind === "number" ? Number(one.value) : one.value);

/** What the form says otherwise than the rule; of a condition all of it, as it is changed whole. */
export function changesOf(form: RuleForm, rule: Rule): Record<string, unknown> {
  const was = formOf(rule);
  const changed: Record<string, unknown> = {};
  if (form.figures.some((one, index) => figureOf(one) !== figureOf(was.figures[index] ?? one))) {
    changed.condition = { ...rule.condition, ...Object.fromEntries(form.figures.map((one) => [one.name, figureOf(one)])) };
  }
  for (const option of ["on_delay_s", "off_delay_s", "severity", "mode", "enabled", "work_order"] as const) {
    if (form[option] !== was[option]) changed[option] = form[option];
  }
  if (form.while !== was.while) changed.while = form.while || null;
  if (form.name_en !== was.name_en || form.name_zh !== was.name_zh) changed.name = { en: form.name_en, zh: form.name_zh };
  return changed;
}

/** What is wrong before the server is asked: a number that is none, a delay below zero. */
export function formProblems(form: RuleForm): string[] {
  return [
    ...form.figures.filter((one) => (one.value === "" ? !one.optional : one.kind === "number" && !Number.isFinite(Number(one.value)))).map((one) => one.name),
    ...(["on_delay_s", "off_delay_s"] as const).filter((name) => form[name] === "" || form[name] < 0),
  ];
}

/** What the place at which the rule was asked for shall say from now on: what it said, and what the form changes. */
export function layerWith(item: Pick<Schemas["RuleItem"], "layers">, scope: string, changed: Record<string, unknown>): Record<string, unknown> {
  const own = item.layers.find((layer) => layer.scope === scope);
  return { ...own?.changes, ...changed };
}
