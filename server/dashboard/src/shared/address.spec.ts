import { expect, it } from "vitest";

import { changed, oneOf } from "./address";

it("changes what is asked and keeps the rest, without what is empty", () => {
  expect(changed({ q: "pump", state: "all", gone: null }, { state: "", page: "2", more: undefined })).toEqual({ q: "pump", page: "2" });
});

it("takes the first of what an address says twice", () => {
  expect(oneOf(["a", "b"])).toBe("a");
  expect(oneOf(undefined)).toBe("");
});
