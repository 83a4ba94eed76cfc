import { beforeEach, expect, it } from "vitest";

import { estateZone } from "@/shared/format";

import { auditQuery, exportAddress, fieldOf, instantOf } from "./audit";

beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

it("reads what an address says, and passes over what it misspells", () => {
  const said: Record<string, string> = { by: "wang", outcome: "rejected", from: "2026-11-22T10:00:00.000Z", to: "yesterday", q: "a&b" };
  const query = auditQuery((name) => said[name] ?? "");
  expect(query).toEqual({ by: "wang", from: "2026-11-22T10:00:00.000Z", q: "a&b" });
  expect(exportAddress(query)).toBe("/api/v1/audit/export?by=wang&q=a%26b&from=2026-11-22T10%3A00%3A00.000Z");
  expect(exportAddress({})).toBe("/api/v1/audit/export");
});

it("asks on the estate's clock", () => {
  expect(instantOf("2026-11-22T18:00")).toBe("2026-11-22T10:00:00.000Z");
  expect(fieldOf("2026-11-22T10:00:00.000Z")).toBe("2026-11-22T18:00");
  expect([instantOf(""), fieldOf("")]).toEqual(["", ""]);
});
