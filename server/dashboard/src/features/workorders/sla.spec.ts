import { expect, it } from "vitest";

import { barOf } from "./sla";

type Events = Parameters<typeof barOf>[0];
const NONE = { due_at: null, met_at: null, late: false, forecast: "none" as const, at_risk_at: null };
const at = (minute: number): string => new Date(minute * 60_000).toISOString();
const event = (minute: number, to_state: string, kind: Events[number]["kind"] = "step"): Events[number] => ({ at: at(minute), kind, from_state: null, to_state });
const due = (minute: number) => ({ respond: NONE, arrive: { ...NONE, due_at: at(minute) }, complete: NONE });

it("has what ran and what paused, up to now", () => {
  const bar = barOf([event(0, "open", "opened"), event(10, "waiting"), event(20, "accepted")], due(40), 30 * 60_000);
  expect(bar?.spans).toEqual([{ from: 0, to: 0.25, paused: false }, { from: 0.25, to: 0.5, paused: true }, { from: 0.5, to: 0.75, paused: false }]);
  expect(bar?.marks).toEqual([{ name: "arrive", at: 1, late: false }]);
});

it("ends with the work, and begins anew with another repair", () => {
  const first = [event(0, "open", "opened"), event(5, "completed")];
  expect(barOf(first, due(10), 60 * 60_000)?.spans).toEqual([{ from: 0, to: 0.5, paused: false }]);
  const second = barOf([...first, event(20, "open", "reopened")], due(40), 30 * 60_000);
  expect([second?.from, second?.spans]).toEqual([20 * 60_000, [{ from: 0, to: 0.5, paused: false }]]);
  expect(barOf([], due(10), 0)).toBeNull();
});
