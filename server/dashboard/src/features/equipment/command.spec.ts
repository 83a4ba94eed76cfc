import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";
import { setLanguage } from "@/i18n/language";
import { question } from "@/shared/ask";

import { askToCommand, wishOf } from "./actions";

const point = (changes: Partial<Schemas["PointWithValue"]>): Schemas["PointWithValue"] => ({
  id: 1, key: "s/g/p/mode", equipment_id: 7, name: "mode", unit: "", name_en: "Mode", name_zh: "模式", writable: true, interlock: "", words: {}, minimum: 0, maximum: 2, live: null, interlock_holds: null, ...changes,
});

it("offers the states of a point by their words and sends the state", () => {
  setLanguage("zh");
  const words = { auto: { en: "Automatic", zh: "自动" }, off: { en: "Off", zh: "停用" }, "other ({raw})": { en: "Other ({raw})", zh: "其他（{raw}）" } };
  askToCommand(point({ words, live: { point_id: 1, value: "auto", quality: "good", reason: "", taken_at: null } }), true);
  expect(question.value?.fields[0]).toMatchObject({ kind: "choice", value: "off", choices: [{ value: "auto", label: "自动" }, { value: "off", label: "停用" }] });
  expect(wishOf("off", true, words)).toBe("off");
  askToCommand(point({ words }), true, ["off"]);
  expect(question.value?.fields[0]).toMatchObject({ value: "auto", choices: [{ value: "auto" }] });
});

it("asks yes or no of a state without words, and a number of anything else", () => {
  askToCommand(point({ live: { point_id: 1, value: true, quality: "good", reason: "", taken_at: null } }), true);
  expect(question.value?.fields[0]).toMatchObject({ kind: "choice", value: "false", choices: [{ value: "true" }, { value: "false" }] });
  askToCommand(point({ unit: "Hz" }), false);
  expect(question.value?.fields[0]).toMatchObject({ kind: "number", min: 0, max: 2 });
  expect([wishOf("true", true, {}), wishOf("12.5", false, {}), wishOf("auto", false, {})]).toEqual([true, 12.5, "auto"]);
});
