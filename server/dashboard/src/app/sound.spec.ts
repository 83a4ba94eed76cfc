import { expect, it } from "vitest";

import { dueTones, soundDue, unheeded } from "./sound";

it("is heard once, again each minute, and for a new one at once", () => {
  const told = new Map<number, number>();
  expect(dueTones([1], 0, told)).toEqual([1]);
  expect(dueTones([1], 30_000, told)).toEqual([]);
  expect(dueTones([1, 2], 31_000, told)).toEqual([2]);
  expect(dueTones([1, 2], 60_000, told)).toEqual([1]);
  expect(dueTones([], 61_000, told)).toEqual([]);
  expect(told.size).toBe(0);
});

it("is not silent because nothing is heard: incidents go on, and the lost server is one more", () => {
  expect(unheeded([7], null, 1_000_000)).toEqual([7]);
  expect(unheeded([7], 1_000_000, 1_029_999)).toEqual([7]);
  expect(unheeded([7], 1_000_000, 1_030_000)).toEqual([7, 0]);
  expect(unheeded([], 1_000_000, 1_030_000)).toEqual([0]);
});

it("does not come again with each visit or tab, and what was blocked is still due", async () => {
  localStorage.removeItem("told");
  const heard: number[] = [];
  const play = (works: boolean) => () => { heard.push(works ? 1 : 0); return Promise.resolve(works); };
  await soundDue([5], 1000, play(false));
  await soundDue([5], 2000, play(true));
  await soundDue([5], 3000, play(true)); // another visit knows what this one told
  expect(heard).toEqual([0, 1]);
  await soundDue([5], 62_000, play(true));
  expect(heard).toEqual([0, 1, 1]);
});
