/** What an operator does with alarms: acknowledge one or many, shelve, comment. */
import { api, onceKey, type Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { nameOf } from "@/i18n/language";
import { now } from "@/live/feed";
import { ask } from "@/shared/ask";
import { dateTime, fromEstate, toField } from "@/shared/format";
import { may } from "@/shared/may";
import { complain, say, why } from "@/shared/say";

type Alarm = Schemas["AlarmItem"];
type Verb = "acknowledge" | "shelve" | "unshelve" | "reset" | "comments";

/** Whether the alarm's state and one's own rights allow it. */
export const canDo = (alarm: Alarm, verb: Verb): boolean => alarm.actions.includes(verb) && may(verb === "acknowledge" ? "alarms.acknowledge" : "alarms.handle");

const t = i18n.global.t;

export function titleOf(alarm: Alarm): string {
  return `${nameOf({ name_en: alarm.equipment_name_en, name_zh: alarm.equipment_name_zh })} · ${nameOf(alarm)}`;
}

function refresh(): void {
  void queryClient.invalidateQueries({ queryKey: ["alarms"] });
  void queryClient.invalidateQueries({ queryKey: ["incidents"] });
}

const acknowledge = (id: number, comment?: string): Promise<unknown> => api.POST("/api/v1/alarms/{alarm_id}/acknowledge", { params: { path: { alarm_id: id }, header: onceKey() }, body: comment ? { comment } : {} });

/** Acknowledge at once: it is the most frequent act, and it can be commented afterwards. */
export async function acknowledgeAll(alarms: readonly Alarm[]): Promise<void> {
  const possible = alarms.filter((alarm) => canDo(alarm, "acknowledge"));
  if (!possible.length) { say(t("alarms.may_not")); return; }
  const results = await Promise.allSettled(possible.map((alarm) => acknowledge(alarm.id)));
  refresh();
  const failed = results.filter((one) => one.status === "rejected");
  if (failed.length) complain(failed.length === 1 && possible.length === 1 ? failed[0]?.reason : new Error(t("alarms.failed_n", { n: failed.length, why: why(failed[0]?.reason) })));
  else say(possible.length === 1 && possible[0] ? t("alarms.acked", { what: titleOf(possible[0]) }) : t("alarms.acked_n", { n: possible.length }));
}

export function askToShelve(alarm: Alarm): void {
  if (!canDo(alarm, "shelve")) { say(t("alarms.may_not")); return; }
  const after = (minutes: number) => () => toField(now.value + minutes * 60_000);
  const headers = onceKey();
  ask({
    title: t("verb.shelve"), about: `${titleOf(alarm)}. ${t("alarms.shelve_hint")}`, yes: t("verb.shelve"),
    fields: [{ name: "reason", label: t("do.reason"), required: true }, { name: "until", label: t("do.until"), kind: "time", required: true, value: after(120)() }],
    shortcuts: { field: "until", items: [{ label: t("alarms.shelve_30"), value: after(30) }, { label: t("alarms.shelve_120"), value: after(120) }, { label: t("alarms.shelve_480"), value: after(480) }] },
    act: async ({ reason, until }) => {
      const at = fromEstate(until ?? "");
      await api.POST("/api/v1/alarms/{alarm_id}/shelve", { params: { path: { alarm_id: alarm.id }, header: headers }, body: { reason: reason ?? "", until: new Date(at).toISOString() } });
      refresh();
      say(t("alarms.shelved", { at: dateTime(at) }));
    },
  });
}

export function askToComment(alarm: Alarm): void {
  const headers = onceKey();
  ask({
    title: t("verb.comments"), about: titleOf(alarm), yes: t("do.save"),
    fields: [{ name: "comment", label: t("do.comment"), kind: "long", required: true }],
    act: async ({ comment }) => {
      await api.POST("/api/v1/alarms/{alarm_id}/comments", { params: { path: { alarm_id: alarm.id }, header: headers }, body: { comment: comment ?? "" } });
      refresh();
    },
  });
}

export async function undo(alarm: Alarm, verb: "unshelve" | "reset"): Promise<void> {
  try {
    const options = { params: { path: { alarm_id: alarm.id }, header: onceKey() } };
    await (verb === "unshelve" ? api.POST("/api/v1/alarms/{alarm_id}/unshelve", options) : api.POST("/api/v1/alarms/{alarm_id}/reset", options));
    refresh();
  } catch (error) { complain(error); }
}
