/** What people do with a run; each is asked first, and goes on record. */
import { api, onceKey, type Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { nameOf } from "@/i18n/language";
import { ask } from "@/shared/ask";
import { say } from "@/shared/say";

import { confirmWord } from "./plans";

type Run = Schemas["PlanRunDetail"];
type Step = Schemas["PlanStepItem"];
const t = i18n.global.t;

const refresh = (): void => { void queryClient.invalidateQueries({ queryKey: ["plans"] }); };
const path = (run: Run, step: Step) => ({ run_id: run.id, step: step.step });

export function askToConfirm(run: Run, step: Step): void {
  const word = confirmWord(step);
  if (!word) return;
  const header = onceKey();
  ask({
    title: t(`plans.confirm.${word}`), about: `${nameOf(run)} · ${nameOf(step)}`, yes: t(`plans.confirm.${word}`),
    fields: [{ name: "note", label: t("plans.note"), required: word === "by_hand" }],
    act: async ({ note }) => {
      try {
        await api.POST("/api/v1/plan-runs/{run_id}/steps/{step}/confirm", { params: { path: path(run, step), header }, body: note ? { note } : {} });
      } finally { refresh(); }
      say(t("plans.confirmed", { what: nameOf(step) }));
    },
  });
}

export function askToDecide(run: Run, step: Step, verb: "skip" | "retry"): void {
  const word = verb === "skip" ? t("plans.skip") : t("plans.retry");
  const header = onceKey();
  ask({
    title: word, about: `${nameOf(run)} · ${nameOf(step)}`, yes: word,
    fields: [{ name: "reason", label: t("do.reason"), required: true }],
    act: async ({ reason = "" }) => {
      const options = { params: { path: path(run, step), header }, body: { reason } };
      try {
        await (verb === "skip" ? api.POST("/api/v1/plan-runs/{run_id}/steps/{step}/skip", options) : api.POST("/api/v1/plan-runs/{run_id}/steps/{step}/retry", options));
      } finally { refresh(); }
    },
  });
}

export function askToAbort(run: Run): void {
  const header = onceKey();
  ask({
    title: t("plans.abort"), about: `${nameOf(run)}. ${t("plans.abort_hint")}`, yes: t("plans.abort"),
    fields: [{ name: "reason", label: t("do.reason"), required: true }],
    act: async ({ reason = "" }) => {
      try {
        await api.POST("/api/v1/plan-runs/{run_id}/abort", { params: { path: { run_id: run.id }, header }, body: { reason } });
      } finally { refresh(); }
    },
  });
}
