/** The time of an order as a bar: what ran, what paused, what is due. */
import type { Schemas } from "@/api/client";

type Event = Pick<Schemas["OrderEventItem"], "at" | "kind" | "from_state" | "to_state">;
export interface Span { from: number; to: number; paused: boolean }
export interface Bar { spans: Span[]; marks: { name: "respond" | "arrive" | "complete"; at: number; late: boolean }[]; from: number; to: number }

const OVER = new Set(["completed", "verified", "called_back", "closed", "cancelled"]);
const AGAIN = new Set(["opened", "reopened", "repeat_failure"]);

/** Positions are shares of the bar's width, 0 to 1. */
export function barOf(events: readonly Event[], sla: Pick<Schemas["SlaItem"], "respond" | "arrive" | "complete">, now: number): Bar | null {
  const begin = events.map((one) => AGAIN.has(one.kind)).lastIndexOf(true);
  const run = events.slice(Math.max(0, begin));
  const first = run[0];
  if (!first) return null;
  const from = Date.parse(first.at);
  const done = run.find((one) => OVER.has(one.to_state));
  const end = done ? Date.parse(done.at) : now;
  const due = (["respond", "arrive", "complete"] as const).flatMap((name) => {
    const at = sla[name].due_at;
    return at ? [{ name, at: Date.parse(at), late: sla[name].late }] : [];
  });
  const to = Math.max(end, ...due.map((one) => one.at), from + 60_000);
  const share = (at: number): number => (at - from) / (to - from);
  const spans: Span[] = [];
  let since = from;
  let paused = false;
  for (const event of run) {
    const waits = event.to_state === "waiting";
    if (waits === paused) continue;
    const at = Math.min(Date.parse(event.at), end);
    if (at > since) spans.push({ from: share(since), to: share(at), paused });
    since = at;
    paused = waits;
  }
  if (end > since) spans.push({ from: share(since), to: share(end), paused });
  return { spans, marks: due.map((one) => ({ ...one, at: share(one.at) })), from, to };
}
