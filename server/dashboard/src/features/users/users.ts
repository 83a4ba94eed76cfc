/** Users in words, and what their forms send; pure. */
import type { Schemas } from "@/api/client";
import { listed } from "@/i18n/language";

type User = Schemas["UserItem"];
export const ROLES: readonly Schemas["Role"][] = ["administrator", "company", "estate_manager", "operator", "technician", "contractor", "desk", "auditor", "viewer"];
/** Their rights hold everywhere, whatever their scope says. */
const EVERYWHERE: ReadonlySet<Schemas["Role"]> = new Set(["administrator", "company"]);

export interface Rights { role: Schemas["Role"]; sites: string[]; classes: string[]; equipment: string[]; person: string }

export const rightsOf = (user: User | null): Rights => ({ role: user?.role ?? "operator", sites: [...(user?.sites ?? [])], classes: [...(user?.classes ?? [])], equipment: [...(user?.equipment ?? [])], person: user?.person ?? "" });

/** What is sent: an empty list does not limit, and is said as null. */
export function bodyOf(rights: Rights): Schemas["UserRights"] {
  const list = (keys: string[]): string[] | null => (keys.length ? keys : null);
  const limits = EVERYWHERE.has(rights.role) ? { sites: null, classes: null, equipment: null } : { sites: list(rights.sites), classes: list(rights.classes), equipment: list(rights.equipment) };
  return { role: rights.role, ...limits, person: rights.person || null };
}

export const isLimited = (role: Schemas["Role"]): boolean => !EVERYWHERE.has(role);

/** A contractor without anything named, and of no contract, may see nothing at all. */
export const seesNothing = (rights: Rights): boolean => rights.role === "contractor" && !rights.classes.length && !rights.equipment.length && !rights.person;

/** Where the rights of somebody hold for whom nothing is named. */
export const boundOf = (user: Pick<User, "role" | "person">): "everywhere" | "contract" | "nothing" => (user.role !== "contractor" ? "everywhere" : user.person ? "contract" : "nothing");

/** What is named of where somebody's rights hold, in a line; null: nothing is. */
export function scopeText(user: Pick<User, "sites" | "classes" | "equipment">, siteName: (key: string) => string, className: (key: string) => string): string | null {
  const parts = [listed((user.sites ?? []).map(siteName)), listed([...(user.classes ?? []).map(className), ...(user.equipment ?? [])])].filter(Boolean);
  return parts.length ? parts.join(" · ") : null;
}

export function fitsUser(user: User, text: string, state: string, role: string): boolean {
  if (state === "active" && user.disabled_at) return false;
  if (state === "disabled" && !user.disabled_at) return false;
  if (role && user.role !== role) return false;
  return `${user.name} ${user.person ?? ""}`.toLowerCase().includes(text.trim().toLowerCase());
}

/** Nobody knows it, and nobody shall: the one-time password that follows is what is handed over. */
export function randomPassword(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(24)), (one) => one.toString(16).padStart(2, "0")).join("");
}
