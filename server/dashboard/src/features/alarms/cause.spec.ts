import { expect, it } from "vitest";

import { causeOf, namesOf } from "./cause";

it("reads what explains an alarm, and leads to the equipment that is out", () => {
  expect(causeOf("gateway:s/gw")).toEqual({ kind: "gateway", key: "s/gw", line: "" });
  expect(causeOf("line:s/gw/rs485-1")).toEqual({ kind: "line", key: "s/gw", line: "rs485-1" });
  expect(causeOf("power:s/gw/board:phase_lost")).toEqual({ kind: "power", key: "s/gw/board", line: "" });
  expect(causeOf("settling")).toEqual({ kind: "settling", key: "", line: "" });
  expect(causeOf("moon")).toBeNull();
});

it("finds the names under which an alarm explains others, and no alarm of a pump explains a gateway's", () => {
  expect(namesOf({ equipment: "s/gw", rule: "gateway.unreachable", cause: "communication" })).toContain("gateway:s/gw");
  expect(namesOf({ equipment: "s/gw", rule: "gateway.line/rs485-1", cause: "communication" })).toEqual(["line:s/gw/rs485-1"]);
  expect(namesOf({ equipment: "s/gw/board", rule: "power_distribution.phase", cause: "phase_lost" })).toEqual(["power:s/gw/board:phase_lost"]);
});
