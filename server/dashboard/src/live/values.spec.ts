import { expect, it } from "vitest";

import { streamOf } from "./values";

it("asks for the values of all, of some once each, or of nothing yet", () => {
  expect(streamOf("all")).toBe("/api/v1/stream?topics=values");
  expect(streamOf([7, 3, 7])).toBe("/api/v1/stream?topics=values&equipment=3&equipment=7");
  expect(streamOf(null)).toBeNull();
});
