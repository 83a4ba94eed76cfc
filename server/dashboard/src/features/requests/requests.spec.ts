import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { bodyOf, buildingsOf, callers, emptyDraft, isWhole, warrantyOf } from "./requests";

const draft = { ...emptyDraft("garden"), room: "3-2-501", fault: "tap", name: " Li ", phone: "13912345678 " };
const request = (id: number, phone: string | null, erased = false) => ({ id, phone, erased_at: erased ? "2026-11-22T10:00:00Z" : null }) as Schemas["RequestItem"];

it("is whole when somebody, somewhere and something are named", () => {
  expect(isWhole(draft)).toBe(true);
  for (const missing of ["site", "room", "fault", "name", "phone"]) expect(isWhole({ ...draft, [missing]: " ".trim() })).toBe(false);
  expect(isWhole({ ...draft, name: "  " })).toBe(false);
});

it("sends a wished time as the estate's, and agrees on none that is not there", () => {
  expect(bodyOf({ ...draft, agreed: true })).toEqual({ site: "garden", room: "3-2-501", fault: "tap", name: "Li", phone: "13912345678", text: "", language: "zh" });
  expect(bodyOf({ ...draft, wished: "2026-11-23T09:30", agreed: true })).toMatchObject({ wished_at: "2026-11-23T01:30:00.000Z", agreed: true });
});

it("calls each resident once, and nobody who is forgotten", () => {
  expect(callers([request(1, "139"), request(2, "138"), request(3, "139"), request(4, "", true)]).map((one) => one.id)).toEqual([3, 2]);
  expect(callers([request(1, null), request(2, null)]).map((one) => one.id)).toEqual([2, 1]);
});

it("knows whether a room is in warranty for a trade, until the end of the estate's last day", () => {
  const room = { builder: "first-build", warranty_until: { plumbing: "2026-11-30" } };
  const at = (text: string) => Date.parse(text);
  expect(warrantyOf(room, "plumbing", at("2026-11-30T15:59:00Z"))).toEqual({ until: "2026-11-30", builder: "first-build" });
  expect(warrantyOf(room, "plumbing", at("2026-11-30T16:00:00Z"))).toBeUndefined();
  expect(warrantyOf(room, "heating", at("2026-11-29T00:00:00Z"))).toBeUndefined();
  expect(warrantyOf(undefined, "plumbing", 0)).toBeUndefined();
  expect(warrantyOf(room, undefined, 0)).toBeUndefined();
});

it("knows the buildings of an estate once", () => {
  expect(buildingsOf([{ building: "4" }, { building: "3" }, { building: "" }, { building: "4" }])).toEqual(["3", "4"]);
});
