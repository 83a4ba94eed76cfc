/** Outages that explain alarms, as the server names them: `gateway:site/gw`, `line:site/gw/port`, `power:site/gw/board:cause`; pure. */
import type { Schemas } from "@/api/client";

/** `key`: of the equipment that is out; `line`: its port, when it is one. */
export interface Cause { kind: "gateway" | "line" | "power" | "settling"; key: string; line: string }

const LINE_RULE = "gateway.line/";

/** What an alarm is explained by; null: by something that has no name here. */
export function causeOf(text: string): Cause | null {
  const [kind, ...rest] = text.split(":");
  const named = rest[0] ?? "";
  if (text === "settling") return { kind: "settling", key: "", line: "" };
  if (kind === "gateway" || kind === "power") return { kind, key: named, line: "" };
  if (kind !== "line") return null;
  const [site, gateway, ...line] = named.split("/");
  return { kind, key: `${site ?? ""}/${gateway ?? ""}`, line: line.join("/") };
}

type Alarm = Pick<Schemas["AlarmItem"], "equipment" | "rule" | "cause">;

/** The names under which an alarm explains others. */
export function namesOf(alarm: Alarm): string[] {
  const of = alarm.equipment;
  if (alarm.rule.startsWith(LINE_RULE)) return [`line:${of}/${alarm.rule.slice(LINE_RULE.length)}`];
  return [...(alarm.rule.endsWith(".unreachable") ? [`gateway:${of}`] : []), `power:${of}:${alarm.cause}`];
}
