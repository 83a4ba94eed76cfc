import { expect, it } from "vitest";

import { type Band, bandsOf } from "./bands";

const AT = Date.parse("2026-11-22T10:00:00Z");
const HOUR = 3_600_000;
const alarm = (id: number, more: Partial<Band>): Band => ({ id, severity: "high", active_since: new Date(AT).toISOString(), inactive_since: null, name_en: `alarm ${id}`, name_zh: "", ...more });
const bands = (...alarms: Band[]) => bandsOf(alarms, AT, AT + HOUR, (one) => one.name_en);

it("cuts a band at the edges of the view, and ends what is still active there", () => {
  const [one] = bands(alarm(1, { active_since: new Date(AT - HOUR).toISOString() }));
  expect(one).toEqual({ from: AT, to: AT + HOUR, label: "▲ alarm 1", colour: "--high-back" });
});

it("draws the worst last, and only a shape where there is no room for a name", () => {
  const short = { inactive_since: new Date(AT + 60_000).toISOString() };
  expect(bands(alarm(1, { severity: "urgent", ...short }), alarm(2, { severity: "low" })).map((one) => one.label)).toEqual(["● alarm 2", "◆"]);
});

it("leaves out what was over before", () => {
  expect(bands(alarm(1, { active_since: new Date(AT - 2 * HOUR).toISOString(), inactive_since: new Date(AT - HOUR).toISOString() }))).toEqual([]);
});
