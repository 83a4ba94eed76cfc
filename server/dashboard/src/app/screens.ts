/** The screens, in the order of the menu. */
import { may, type Permission } from "@/shared/may";

interface Screen { name: string; phone: boolean; needs: Permission }

const SCREENS = [
  { name: "overview", phone: true, needs: "plant.read" },
  { name: "alarms", phone: true, needs: "plant.read" },
  { name: "orders", phone: true, needs: "orders.read" },
  { name: "equipment", phone: true, needs: "plant.read" },
  { name: "trends", phone: true, needs: "plant.read" },
  { name: "plans", phone: false, needs: "plans.read" },
  { name: "figures", phone: false, needs: "figures.read" },
  { name: "desk", phone: false, needs: "requests.take" },
  { name: "people", phone: false, needs: "duty.read" },
  { name: "policies", phone: false, needs: "people.read" },
  { name: "rules", phone: false, needs: "rules.read" },
  { name: "gateways", phone: false, needs: "plant.read" },
  { name: "users", phone: false, needs: "users.manage" },
  { name: "audit", phone: false, needs: "audit.read" },
] as const satisfies readonly Screen[];

export type ScreenName = (typeof SCREENS)[number]["name"];

/** Those that the person who is logged in may see. */
export const ownScreens = (): (typeof SCREENS)[number][] => SCREENS.filter((one) => may(one.needs));
