/** The trades, as the server has them: one that is missing here, or is none, is no type of this. */
import type { Schemas } from "@/api/client";

type Trade = Schemas["Trade"];
const ALL: Record<Trade, true> = { heating: true, electrical: true, plumbing: true, lift: true, fire: true, low_voltage: true, building: true };

export const TRADES = Object.keys(ALL) as readonly Trade[];
