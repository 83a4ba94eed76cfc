/** The alarms of what is drawn, as bands behind it. */
import { useQueries } from "@tanstack/vue-query";
import { computed, type ComputedRef } from "vue";

import { api, content, type Schemas } from "@/api/client";
import type { ChartArea } from "@/shared/charts/option";
import { backOf, byUrgency, SHAPES } from "@/shared/severity";

export type Band = Pick<Schemas["AlarmItem"], "id" | "severity" | "active_since" | "inactive_since" | "name_en" | "name_zh">;
const MOST = 200;
/** A name needs so much of the width. */
const ROOM = 0.08;

/** Bands between two instants, what is worst on top; one that is too narrow for its name has its shape. */
export function bandsOf(alarms: readonly Band[], from: number, to: number, nameOf: (alarm: Band) => string): ChartArea[] {
  return [...alarms].sort(byUrgency).reverse().flatMap((alarm) => {
    const start = Math.max(from, Date.parse(alarm.active_since));
    const end = Math.min(to, alarm.inactive_since === null ? to : Date.parse(alarm.inactive_since));
    if (end < start) return [];
    const shape = SHAPES[alarm.severity][0];
    return [{ from: start, to: end, label: (end - start) / (to - from) >= ROOM ? `${shape} ${nameOf(alarm)}` : shape, colour: backOf(alarm.severity) }];
  });
}

/** Those of some equipment that were active in a range. */
export function useAlarmsIn(equipment: ComputedRef<number[]>, from: ComputedRef<number>, to: ComputedRef<number>): ComputedRef<Schemas["AlarmItem"][]> {
  const answers = useQueries({
    queries: computed(() => equipment.value.map((id) => ({
      queryKey: ["alarms", "of", id, from.value, to.value], gcTime: 10_000,
      placeholderData: (before: { items: Schemas["AlarmItem"][] } | undefined, query: { queryKey: readonly unknown[] } | undefined) => (query?.queryKey[2] === id ? before : undefined),
      queryFn: () => content(api.GET("/api/v1/alarms", { params: { query: { state: "all" as const, equipment: String(id), from: new Date(from.value).toISOString(), to: new Date(to.value).toISOString(), limit: MOST } } })),
    }))),
  });
  return computed(() => answers.value.flatMap((answer) => answer.data?.items ?? []).sort((a, b) => Date.parse(b.active_since) - Date.parse(a.active_since)));
}
