import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";
import { language } from "@/i18n/language";

import { bodyOf, boundOf, fitsUser, randomPassword, rightsOf, scopeText, seesNothing } from "./users";

const user = (more: Partial<Schemas["UserItem"]>): Schemas["UserItem"] => ({ id: 1, name: "Wang", role: "operator", sites: null, classes: null, equipment: null, person: null, created_at: "", disabled_at: null, second_factor: false, provider_identity: null, ...more });

it("sends no limit as null, and none at all for whom nothing limits", () => {
  expect(bodyOf({ ...rightsOf(null), sites: ["a"] })).toEqual({ role: "operator", sites: ["a"], classes: null, equipment: null, person: null });
  expect(bodyOf({ ...rightsOf(null), role: "company", sites: ["a"], person: "w" })).toEqual({ role: "company", sites: null, classes: null, equipment: null, person: "w" });
});

it("warns of a contractor for whom nothing is named", () => {
  expect(seesNothing({ ...rightsOf(null), role: "contractor", sites: ["a"] })).toBe(true);
  expect(seesNothing({ ...rightsOf(null), role: "contractor", classes: ["lift"] })).toBe(false);
  expect(seesNothing({ ...rightsOf(null), role: "contractor", person: "lift-co" })).toBe(false);
  expect(seesNothing(rightsOf(null))).toBe(false);
});

it("says of a contractor for whom nothing is named that it has its contracts, or nothing", () => {
  expect(boundOf(user({ person: "wang" }))).toBe("everywhere");
  expect(boundOf(user({ role: "contractor", person: "lift-co" }))).toBe("contract");
  expect(boundOf(user({ role: "contractor" }))).toBe("nothing");
});

it("says a scope in words, and nothing when there is no limit", () => {
  language.value = "en";
  const upper = (key: string): string => key.toUpperCase();
  expect(scopeText(user({}), upper, upper)).toBeNull();
  expect(scopeText(user({ sites: ["a"], classes: ["lift"], equipment: ["a/g/p"] }), upper, upper)).toBe("A · LIFT, a/g/p");
});

it("filters by name, state and role", () => {
  expect(fitsUser(user({}), "wan", "active", "")).toBe(true);
  expect(fitsUser(user({ disabled_at: "2026" }), "", "active", "")).toBe(false);
  expect(fitsUser(user({ disabled_at: "2026" }), "", "disabled", "")).toBe(true);
  expect(fitsUser(user({}), "", "all", "viewer")).toBe(false);
});

it("makes passwords that nobody guesses", () => {
  expect(randomPassword()).toMatch(/^[0-9a-f]{48}$/);
  expect(randomPassword()).not.toBe(randomPassword());
});
