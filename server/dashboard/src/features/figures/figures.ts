/** How figures are written, and the address of what a number counts; pure. */
import type { Schemas } from "@/api/client";
import { day, figure } from "@/shared/format";

type AlarmFigure = Schemas["AlarmFigureItem"];

/** A share as percent; a missing one is a dash and never a zero. */
export const percent = (share: number | null): string => (share === null ? "–" : `${figure(Math.round(share * 10_000) / 100)}\u202f%`);

export const alarmValue = (one: Pick<AlarmFigure, "unit">, value: number | null): string => (one.unit === "share" ? percent(value) : value === null ? "–" : value > 0 && value < 0.01 ? "< 0.01" : figure(value));

/** Months that may be asked for, newest first, of the estate's calendar. */
export function lastMonths(now: number, count: number): string[] {
  const [year = 0, month = 1] = day(now).split("-").map(Number);
  return Array.from({ length: count }, (_, back) => {
    const months = year * 12 + month - 1 - back;
    return `${Math.floor(months / 12)}-${String((months % 12) + 1).padStart(2, "0")}`;
  });
}

/** Whether no order counts in a month, as when it has only begun. */
export const countsNothing = (figures: Pick<Schemas["FigureItem"], "orders_met" | "met" | "missed">[]): boolean => figures.every((one) => !one.orders_met || one.met + one.missed === 0);

export const isMonth = (text: string): boolean => /^[2-9]\d{3}-(0[1-9]|1[0-2])$/.test(text);

/** Which list of orders or alarms an address has opened. */
export interface Behind { kind: "orders" | "alarms"; figure: string; part: "met" | "missed" }

export function behindOf(read: (name: string) => string): Behind | null {
  const [kind, figureName, part] = read("list").split(".");
  if ((kind !== "orders" && kind !== "alarms") || !figureName) return null;
  return { kind, figure: figureName, part: part === "met" ? "met" : "missed" };
}

export const listOf = (behind: Behind): string => (behind.kind === "alarms" ? `alarms.${behind.figure}` : `orders.${behind.figure}.${behind.part}`);
