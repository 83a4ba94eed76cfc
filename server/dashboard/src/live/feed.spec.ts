import { expect, it } from "vitest";

import { permissions } from "@/shared/may";

import { ownTopics } from "./feed";

it("asks for no topic that the server would refuse", () => {
  permissions.value = new Set(["plant.read", "orders.read", "events.read"]);
  expect(ownTopics()).toBe("alarms,incidents,work-orders,equipment,commands,clock");
  permissions.value = new Set(["plant.read", "orders.read", "events.read", "messages.read", "plans.read"]);
  expect(ownTopics().split(",")).toContain("messages");
});
