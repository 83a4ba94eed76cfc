import { expect, it } from "vitest";

import { matching } from "./matching";

const entry = (label: string, more = "") => ({ label, kind: "plant", more, to: "/" });

it("finds every word, wherever it stands, and what begins with it first", () => {
  const entries = [entry("Valve of pump 1"), entry("Pump 2", "riverside/pump-2"), entry("Lift A")];
  expect(matching(entries, "PUMP", 9).map((one) => one.label)).toEqual(["Pump 2", "Valve of pump 1"]);
  expect(matching(entries, "riverside pump", 9)).toHaveLength(1);
  expect(matching(entries, "boiler", 9)).toEqual([]);
  expect(matching(entries, " ", 2)).toHaveLength(2);
});
