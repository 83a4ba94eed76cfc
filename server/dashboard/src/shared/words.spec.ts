import { expect, it } from "vitest";

import { statesOf, wordFor } from "./words";

const words = { auto: { en: "Automatic", zh: "自动" }, "other ({raw})": { en: "Other ({raw})", zh: "其他（{raw}）" } };

it("says a state in its words, and one that only has a number with it", () => {
  expect(wordFor("auto", words)?.zh).toBe("自动");
  expect(wordFor("other (12)", words)).toEqual({ en: "Other (12)", zh: "其他（12）" });
  expect(wordFor("other (-3)", words)?.zh).toBe("其他（-3）");
  for (const value of ["other (x)", "other (12) ", "manual", "toString", true, 12, null]) expect(wordFor(value, words)).toBeUndefined();
  expect(wordFor("auto", undefined)).toBeUndefined();
});

it("offers the states that have a name of their own", () => {
  expect(statesOf(words)).toEqual(["auto"]);
  expect(statesOf({ ...words, fault: { en: "Fault", zh: "故障" } }, ["fault"])).toEqual(["auto"]);
});
