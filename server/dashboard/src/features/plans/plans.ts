/** Plans and their runs: what may be meant, how long is left, how notes read; pure. */
import type { Schemas } from "@/api/client";
import type { Language } from "@/i18n/language";

type Plan = Schemas["EmergencyPlan"];
type Unit = Pick<Schemas["EquipmentItem"], "key" | "name_en" | "name_zh" | "online" | "equipment_class">;
type Fitting = Pick<Unit, "key" | "name_en" | "name_zh" | "online">;
type Step = Schemas["PlanStepItem"];

/** What each key of the plan may mean when no incident says where to look. */
export function fittingByHand(plan: Plan, equipment: readonly Unit[]): Record<string, Fitting[]> {
  return Object.fromEntries(Object.entries(plan.equipment ?? {}).map(([key, wanted]) => [
    key,
    equipment.filter((unit) => unit.equipment_class === wanted.class && (!wanted.key || unit.key === wanted.key) && servesSite(plan, siteOf(unit.key))),
  ]));
}

export const siteOf = (key: string): string => key.split("/")[0] ?? "";
export const servesSite = (plan: Plan, site: string): boolean => !plan.sites?.length || plan.sites.includes(site);

/** What was chosen, where that still fits; what alone fits needs no choice. */
export function chosenOf(fitting: Readonly<Record<string, readonly Fitting[]>>, before: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fitting).map(([key, units]) => {
    const kept = units.some((unit) => unit.key === before[key]) ? before[key] : undefined;
    return [key, kept ?? (units.length === 1 ? units[0]?.key ?? "" : "")];
  }));
}

/** The step that waits for somebody, or at which the run is. */
export function currentStep(run: Pick<Schemas["PlanRunDetail"], "steps" | "step" | "ended_at">): Step | undefined {
  return run.ended_at ? undefined : run.steps.find((step) => step.step === run.step);
}

/** What the first button of a step says: to carry out, to be the second, done, done by hand. */
export function confirmWord(step: Pick<Step, "actions" | "state" | "kind">): "carry_out" | "second" | "done" | "by_hand" | "send" | undefined {
  if (step.actions.includes("second")) return "second";
  if (!step.actions.includes("confirm")) return undefined;
  if (step.state === "attention") return "by_hand";
  if (step.state === "waiting") return "done";
  return step.kind === "message" ? "send" : "carry_out";
}

export const SIGNS: Readonly<Record<string, string>> = { pending: "○", confirming: "?", confirmed: "…", commanded: "…", waiting: "…", attention: "!", done: "✓", skipped: "–", failed: "✕" };

const NOTES: readonly (readonly [RegExp, string])[] = [
  [/^drill: nothing was commanded$/, "演练：未下发任何命令"],
  [/^nobody confirmed it$/, "无人确认"],
  [/^nobody said that it is done$/, "无人报告完成"],
  [/^its interlock did not become true$/, "联锁条件未满足"],
  [/^its time was over before it was commanded$/, "下发前已超时"],
  [/^its condition is not true$/, "条件不满足"],
  [/^its condition is not known: .*$/, "条件未知：数值缺失、过期或质量不良"],
  [/^it was done, and does not read back so$/, "已执行，但回读不符"],
  [/^it is not known whether it was done: (.*)$/, "不能确定是否已执行：$1"],
  [/^it reads back so, though the command ended otherwise: (.*)$/, "回读相符，但命令结果不同：$1"],
  [/^the command was not done: (.*)$/, "命令未执行：$1"],
  [/^command (\d+), waits for a second person$/, "命令 $1，等待第二人确认"],
  [/^the command was taken back: (.*)$/, "命令已撤回：$1"],
  [/^nobody was reached$/, "未通知到任何人"],
  [/^command (\d+)$/, "命令 $1"],
  [/^aborted: (.*)$/, "已终止：$1"],
];

/** A note of the server in the language of the interface; what people wrote stays as it is. */
export function noteText(note: string, language: Language): string {
  if (language !== "zh") return note;
  const found = NOTES.find(([pattern]) => pattern.test(note));
  return found ? note.replace(found[0], found[1]) : note;
}
