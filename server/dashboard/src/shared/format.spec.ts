import { beforeEach, describe, expect, it } from "vitest";

import { age, clock, dateTime, estateZone, figure, fromEstate, stopwatch, toField, valueText } from "./format";

const AT = Date.parse("2026-11-22T10:00:05Z");

describe("times", () => {
  beforeEach(() => { estateZone.value = "Asia/Shanghai"; });

  it("are the estate's, whatever the browser's", () => {
    expect(dateTime(AT)).toBe("2026-11-22 18:00:05");
    estateZone.value = "Europe/Berlin";
    expect(clock(AT)).toBe("11:00:05");
  });

  it("go into a field and come back, over a change of the clock as well", () => {
    estateZone.value = "Europe/Berlin";
    for (const text of ["2026-03-29T03:30", "2026-03-29T01:30", "2026-10-25T04:00", "2026-07-01T00:00"]) {
      expect(toField(fromEstate(text))).toBe(text);
    }
  });

  it("are short when young and dates when old", () => {
    expect(age(AT, AT + 12_000, "en")).toBe("12 s");
    expect(age(AT, AT + 12_000, "zh")).toBe("12 秒");
    expect(age(AT, AT + 300_000, "en")).toBe("5 min");
    expect(age(AT, AT + 7_200_000, "en")).toBe("2 h");
    expect(age(AT, AT + 3 * 86_400_000, "en")).toBe("11-22");
    expect(age(AT, AT - 5000, "en")).toBe("0 s");
  });

  it("run like a stopwatch", () => {
    expect(stopwatch(252_000)).toBe("00:04:12");
    expect(stopwatch(-1)).toBe("00:00:00");
    expect(stopwatch(50 * 3_600_000)).toBe("2 d 02 h");
  });
});

describe("values", () => {
  it("carry their unit", () => {
    expect(valueText(52.345, "°C", ["yes", "no"])).toBe("52.35\u202f°C");
    expect(figure(1234567.8)).toBe("1\u2009234\u2009567.8");
  });

  it("that are missing are no zero, and a zero is not missing", () => {
    expect(valueText(null, "kPa", ["yes", "no"])).toBe("–");
    expect(valueText(0, "kPa", ["yes", "no"])).toBe("0\u202fkPa");
    expect(valueText(false, "", ["yes", "no"])).toBe("no");
  });
});
