import { expect, it } from "vitest";

import { ownOf, portsOf } from "./ports";

it("puts the port first that has silent devices", () => {
  const unit = (port: string, online: boolean) => ({ port, online, profile: "p" });
  expect(portsOf([unit("a", true), unit("a", true), unit("b", false)])).toEqual([
    { name: "b", units: 1, silent: 1, profiles: ["p"] },
    { name: "a", units: 2, silent: 0, profiles: ["p"] },
  ]);
});

it("reads what a gateway says of itself, ports with dots in their names too, and nothing where it says nothing", () => {
  const points = ["journal_waiting", "load.rs485.1", "unsteady.rs485.1", "uptime"].map((name, index) => ({ id: index, name }));
  const own = ownOf(points, new Map([[0, { value: 12 }], [1, { value: 41.5 }], [2, { value: "pump-1,meter" }]]));
  expect([own.waiting, own.load.get("rs485.1"), own.unsteady.get("rs485.1")]).toEqual([12, 41.5, ["pump-1", "meter"]]);
  expect(ownOf([], new Map())).toEqual({ waiting: null, load: new Map(), unsteady: new Map() });
  expect(ownOf(points, new Map()).load.get("rs485.1")).toBeNull();
});
