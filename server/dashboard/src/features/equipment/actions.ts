/** What is done with equipment: taking it out of service, writing to a point. */
import { api, onceKey, type Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { nameOf, wordOf } from "@/i18n/language";
import { now } from "@/live/feed";
import { ask, type AskField } from "@/shared/ask";
import { fromEstate, toField } from "@/shared/format";
import { say } from "@/shared/say";
import { statesOf, type StateWords } from "@/shared/words";

const t = i18n.global.t;
const HOURS_8 = 8 * 3_600_000;
const refresh = (): void => { void queryClient.invalidateQueries({ queryKey: ["equipment"] }); void queryClient.invalidateQueries({ queryKey: ["alarms"] }); };

export function askToTakeOut(unit: Schemas["EquipmentItem"]): void {
  const headers = onceKey();
  ask({
    title: t("equipment.take_out"), about: nameOf(unit), yes: t("equipment.take_out"),
    fields: [{ name: "reason", label: t("do.reason"), required: true }, { name: "until", label: t("do.until"), kind: "time", required: true, value: toField(now.value + HOURS_8) }],
    act: async ({ reason, until }) => {
      await api.POST("/api/v1/equipment/{equipment_id}/out-of-service", { params: { path: { equipment_id: unit.id }, header: headers }, body: { reason: reason ?? "", until: new Date(fromEstate(until ?? "")).toISOString() } });
      refresh();
    },
  });
}

export function askToPutInService(unit: Schemas["EquipmentItem"]): void {
  const headers = onceKey();
  ask({
    title: t("equipment.put_in"), about: nameOf(unit), yes: t("equipment.put_in"), fields: [],
    act: async () => {
      await api.POST("/api/v1/equipment/{equipment_id}/in-service", { params: { path: { equipment_id: unit.id }, header: headers } });
      refresh();
    },
  });
}

type Point = Schemas["PointWithValue"];

/** What a person typed or chose, as the point's kind of value. */
export function wishOf(text: string, isState: boolean, words: StateWords): boolean | number | string {
  if (Object.hasOwn(words, text)) return text;
  if (isState) return text === "true";
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** What must hold before the gateway writes, and whether it does now. */
export function interlockOf(point: { interlock: string; interlock_holds?: boolean | null }): string {
  if (!point.interlock) return "";
  const holds = point.interlock_holds === true ? t("equipment.interlock_holds") : point.interlock_holds === false ? t("equipment.interlock_fails") : t("equipment.interlock_unknown");
  return `${t("equipment.interlock_of", { text: point.interlock })} ${holds} `;
}

/** What is asked for: a state in words, yes or no, or a number. */
function wishField(point: Point, isState: boolean, reportedOnly: readonly string[]): AskField {
  const label = `${t("equipment.command_new")} ${point.unit}`.trim();
  const states = statesOf(point.words, reportedOnly);
  if (states.length) return { name: "value", label, kind: "choice", required: true, value: states.find((state) => state !== point.live?.value) ?? "", choices: states.map((state) => ({ value: state, label: wordOf(point.words[state]) })) };
  if (isState) return { name: "value", label, kind: "choice", required: true, value: point.live?.value === true ? "false" : "true", choices: [{ value: "true", label: t("do.yes") }, { value: "false", label: t("do.no") }] };
  return { name: "value", label, kind: "number", required: true, ...(point.minimum === null ? {} : { min: point.minimum }), ...(point.maximum === null ? {} : { max: point.maximum }) };
}

export function askToCommand(point: Point, isState: boolean, reportedOnly: readonly string[] = []): void {
  const headers = onceKey();
  const range = point.minimum !== null || point.maximum !== null ? `${t("equipment.command_range", { min: point.minimum ?? "–", max: point.maximum ?? "–" })}. ` : "";
  ask({
    title: t("equipment.command_title", { point: nameOf(point) }), about: `${range}${interlockOf(point)}${t("equipment.interlock")}`, yes: t("equipment.command"),
    fields: [
      wishField(point, isState, reportedOnly),
      { name: "reason", label: t("do.reason"), required: true },
    ],
    act: async ({ value, reason }) => {
      const { data } = await api.POST("/api/v1/points/{point_id}/commands", { params: { path: { point_id: point.id }, header: headers }, body: { value: wishOf(value ?? "", isState, point.words), reason: reason ?? "" } });
      void queryClient.invalidateQueries({ queryKey: ["commands"] });
      if (data) say(t("equipment.command_sent", { id: data.id, state: t(`commandstate.${data.state}`) }));
    },
  });
}
