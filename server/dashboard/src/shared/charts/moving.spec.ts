import { expect, it } from "vitest";

import { byKey, shifted, zoomed } from "./moving";

const HOUR = 3_600_000;
const RANGE = { from: 0, to: HOUR };

it("keeps what is under the pointer where it is", () => {
  const near = zoomed(RANGE, HOUR / 4, 1);
  expect(near.to - near.from).toBe(HOUR / 1.25);
  expect((HOUR / 4 - near.from) / (near.to - near.from)).toBeCloseTo(0.25);
  expect(zoomed(near, HOUR / 4, -1)).toEqual(RANGE);
});

it("never becomes shorter than some readings, nor longer than two years", () => {
  const short = zoomed(RANGE, 0, 100);
  expect(short.to - short.from).toBe(10_000);
  const long = zoomed(RANGE, 0, -100);
  expect(long.to - long.from).toBe(2 * 366 * 24 * HOUR);
});

it("moves without becoming longer, and knows its keys", () => {
  expect(shifted(RANGE, -1)).toEqual({ from: -HOUR / 5, to: (HOUR * 4) / 5 });
  expect(byKey(RANGE, "ArrowRight")).toEqual(shifted(RANGE, 1));
  expect(byKey(RANGE, "+")).toEqual(zoomed(RANGE, HOUR / 2, 1));
  expect(byKey(RANGE, "a")).toBeNull();
});
