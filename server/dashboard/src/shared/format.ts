/** How times, ages and values are written; times are the estate's, not the browser's. */
import { ref } from "vue";

import type { Language } from "@/i18n/language";

export type Plain = number | boolean | string | null | undefined;

/** Time zone of the estate; the rosters say it. */
export const estateZone = ref("Asia/Shanghai");

const formats = new Map<string, Intl.DateTimeFormat>();

function parts(at: number): Record<string, string> {
  const zone = estateZone.value;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23",
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
}

export function clock(at: number): string {
  const p = parts(at);
  return `${p.hour}:${p.minute}:${p.second}`;
}

export function hourMinute(at: number): string {
  const p = parts(at);
  return `${p.hour}:${p.minute}`;
}

export function day(at: number): string {
  const p = parts(at);
  return `${p.year}-${p.month}-${p.day}`;
}

export const dateTime = (at: number): string => `${day(at)} ${clock(at)}`;

/** Milliseconds that the estate's clock is ahead of UTC at an instant. */
export function zoneOffset(at: number): number {
  const p = parts(at);
  const shown = Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day), Number(p.hour), Number(p.minute), Number(p.second));
  return shown - Math.floor(at / 1000) * 1000;
}

/** What the estate's clock shows, as if it were UTC; and the instant at which it shows that. */
export const toShown = (at: number): number => at + zoneOffset(at);
export const fromShown = (shown: number): number => shown - zoneOffset(shown - zoneOffset(shown));

/** The instant at which the estate's clock shows "2026-11-29 08:00" or "2026-11-29T08:00". */
export const fromEstate = (text: string): number => fromShown(Date.parse(`${text.trim().replace(" ", "T")}Z`));

/** What a datetime-local field of the estate's clock shows. */
export function toField(at: number): string {
  const p = parts(at);
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`;
}

/** A short age; older than two days it is the date itself. */
export function age(at: number, now: number, language: Language): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  const zh = language === "zh";
  if (seconds < 100) return zh ? `${seconds} 秒` : `${seconds} s`;
  if (seconds < 6000) return zh ? `${Math.floor(seconds / 60)} 分钟` : `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return zh ? `${Math.floor(seconds / 3600)} 小时` : `${Math.floor(seconds / 3600)} h`;
  return day(at).slice(5);
}

/** A running time as a stopwatch shows it. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** A number with thin spaces between its thousands, and only as many digits as help. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 100 ? 2 : 1;
  return value.toLocaleString("en", { maximumFractionDigits: digits }).replaceAll(",", "\u2009");
}

/** A value with its unit; a missing one is a dash and never a zero. */
export function valueText(value: Plain, unit: string, yesNo: readonly [string, string]): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? yesNo[0] : yesNo[1];
  const text = typeof value === "number" ? figure(value) : value;
  return unit && typeof value === "number" ? `${text}\u202f${unit}` : text;
}
