import { expect, it } from "vitest";

import { bodyOf, nameOfRoom } from "./ledger";

it("takes away what was emptied, and keeps no blanks", () => {
  expect(bodyOf({ room: "", maker: " Wilo ", warranty_until: "2027-06-30" })).toEqual({
    room: null, maker: "Wilo", model: "", serial_number: "", warranty_until: "2027-06-30", builder: null, contractor: null, contract_from: null, contract_until: null,
  });
});

it("names a room by what is known of it, nothing twice", () => {
  expect(nameOfRoom({ building: "1", floor: "B1", name: "Pump room", key: "1-B1-01" })).toBe("1 · B1 · Pump room · 1-B1-01");
  expect(nameOfRoom({ building: "", floor: "", name: "R1", key: "R1" })).toBe("R1");
});
