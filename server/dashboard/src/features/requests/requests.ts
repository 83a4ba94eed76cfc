/** Residents' requests: what the desk writes down before it is sent, and who is called back. */
import type { Schemas } from "@/api/client";
import { fromEstate, toField } from "@/shared/format";

export interface Draft {
  site: string;
  room: string;
  fault: string;
  name: string;
  phone: string;
  text: string;
  language: "zh" | "en";
  /** As the field has it, in the estate's own time; empty: no wish. */
  wished: string;
  agreed: boolean;
}

export const emptyDraft = (site: string): Draft => ({ site, room: "", fault: "", name: "", phone: "", text: "", language: "zh", wished: "", agreed: false });

/** Whether everything is there that a request needs. */
export const isWhole = (draft: Draft): boolean => [draft.site, draft.room, draft.fault, draft.name.trim(), draft.phone.trim()].every(Boolean);

/** What is sent; a time that was not wished cannot have been agreed on. */
export function bodyOf(draft: Draft): Schemas["RequestIn"] {
  const { wished, agreed, ...said } = draft;
  return { ...said, name: said.name.trim(), phone: said.phone.trim(), text: said.text.trim(), ...(wished ? { wished_at: new Date(fromEstate(wished)).toISOString(), agreed } : {}) };
}

/** Of several requests for one order each caller once, the last first: that one has called most recently. */
export function callers(requests: readonly Schemas["RequestItem"][]): Schemas["RequestItem"][] {
  const seen = new Set<string>();
  return [...requests].reverse().filter((one) => {
    const who = one.phone ?? `request/${String(one.id)}`;
    if (one.erased_at !== null || seen.has(who)) return false;
    seen.add(who);
    return true;
  });
}

export interface Warranty {
  until: string;
  /** Key of the builder; null: nobody wrote it down, so that the own engineer gets the order. */
  builder: string | null;
}

/** The warranty of a room for a trade, while it lasts; days are the estate's. */
export function warrantyOf(room: Pick<Schemas["RoomItem"], "warranty_until" | "builder"> | undefined, trade: Schemas["Trade"] | undefined, now: number): Warranty | undefined {
  const until = trade && room?.warranty_until[trade];
  return until && toField(now).slice(0, 10) <= until ? { until, builder: room.builder } : undefined;
}

/** The parts of an estate that a code may be for: its buildings, as rooms name them. */
export const buildingsOf = (rooms: readonly Pick<Schemas["RoomItem"], "building">[]): string[] => [...new Set(rooms.map((one) => one.building).filter(Boolean))].sort();
