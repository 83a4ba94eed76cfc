/** The filters of the list; they live in the address, so that a link shows the same list. */
import type { LocationQuery, LocationQueryRaw } from "vue-router";

import type { Schemas, Severity } from "@/api/client";
import { SEVERITIES } from "@/shared/severity";

export const STATES: readonly Schemas["AlarmFilter"][] = ["open", "active", "unacknowledged", "shelved", "suppressed", "out_of_service", "latched", "chattering", "monitored", "closed", "all"];

export interface AlarmFilters { state: Schemas["AlarmFilter"]; severity: Severity | ""; text: string; incident: number | null; equipment: number | null }

const one = (value: LocationQuery[string] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? "";
const numberOf = (text: string): number | null => (/^\d+$/.test(text) ? Number(text) : null);

/** What an address says; what it misspells is passed over. */
export function readFilters(query: LocationQuery): AlarmFilters {
  const state = one(query.state) as AlarmFilters["state"];
  const severity = one(query.severity) as Severity;
  return {
    state: STATES.includes(state) ? state : "open",
    severity: SEVERITIES.includes(severity) ? severity : "",
    text: one(query.q),
    incident: numberOf(one(query.incident)),
    equipment: numberOf(one(query.equipment)),
  };
}

export function writeFilters(filters: AlarmFilters): LocationQueryRaw {
  return {
    ...(filters.state === "open" ? {} : { state: filters.state }),
    ...(filters.severity ? { severity: filters.severity } : {}),
    ...(filters.text ? { q: filters.text } : {}),
    ...(filters.incident === null ? {} : { incident: String(filters.incident) }),
    ...(filters.equipment === null ? {} : { equipment: String(filters.equipment) }),
  };
}

/** What of an incident's alarms a list shows: all of them, those that are over, or those that are not. */
export function ofState(alarms: readonly Schemas["AlarmItem"][], state: AlarmFilters["state"]): Schemas["AlarmItem"][] {
  return alarms.filter((alarm) => state === "all" || (state === "closed") === (alarm.closed_at !== null));
}

/** Whether an alarm has every word of the text, in either language. */
export function fits(alarm: Schemas["AlarmItem"], filters: AlarmFilters): boolean {
  if (filters.incident !== null && (alarm.incident_id !== filters.incident || (filters.severity && alarm.severity !== filters.severity))) return false;
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = [alarm.name_en, alarm.name_zh, alarm.equipment_name_en, alarm.equipment_name_zh, alarm.point, alarm.rule, alarm.acknowledged_by ?? ""].join(" ").toLowerCase();
  return words.every((word) => hay.includes(word));
}
