import { expect, it } from "vitest";

import { setLanguage } from "@/i18n/language";

import { doubtOf, pointText } from "./reading";

it("doubts what the server has no value of, and nothing that is only not asked yet", () => {
  expect(doubtOf(undefined)).toBe("");
  expect(doubtOf(null)).toBe("stale");
});

it("says a state in the words of its point, else of its class, else as it is", () => {
  const point = { unit: "", words: { auto: { en: "Automatic", zh: "自动" } } };
  const ofClass = { auto: { en: "Auto", zh: "自动模式" }, hand: { en: "Hand", zh: "手动" } };
  setLanguage("zh");
  expect(["auto", "hand", "off"].map((value) => pointText(value, point, ofClass))).toEqual(["自动", "手动", "off"]);
  setLanguage("en");
  expect(pointText("auto", point, ofClass)).toBe("Automatic");
  expect(pointText(12, { unit: "kPa", words: {} })).toBe("12\u202fkPa");
});
