import { describe, expect, it } from "vitest";

import { byNeed, byUrgency, countBySeverity } from "./severity";

const one = (id: number, severity: "urgent" | "high" | "medium" | "low", seen = false) =>
  ({ id, severity, acknowledged_at: seen ? "2026-11-22T10:00:00Z" : null });

describe("what comes first", () => {
  it("is the most severe, then the newest", () => {
    expect([one(1, "low"), one(2, "urgent"), one(3, "urgent"), one(4, "high")].sort(byUrgency).map((a) => a.id)).toEqual([3, 2, 4, 1]);
  });
  it("is what nobody has seen, whatever has been seen", () => {
    expect([one(1, "urgent", true), one(2, "medium"), one(3, "high")].sort(byNeed).map((a) => a.id)).toEqual([3, 2, 1]);
  });
  it("is counted by severity, none left out", () => {
    expect(countBySeverity([one(1, "low"), one(2, "low"), one(3, "urgent")])).toEqual({ urgent: 1, high: 0, medium: 0, low: 2 });
  });
});
