/** What this browser keeps of one person's work: who it is, orders, and actions that wait to be sent. */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { ref } from "vue";

import type { Schemas } from "@/api/client";

export type Order = Schemas["OrderDetail"];
export type Verb = Schemas["Verb"];

/** Whose data these are; `locked` once the server has refused the session. */
export interface Owner { identity: Schemas["Identity"]; locked: boolean }

export interface KeptOrder { id: number; order: Order; keptAt: number; thumbs: Record<number, string> }

export type Work =
  | { kind: "step"; verb: Verb; to: Schemas["OrderState"]; body: Schemas["StepIn"] }
  | { kind: "comment"; body: Schemas["CommentIn"] }
  | { kind: "line"; body: Schemas["LineIn"] }
  | { kind: "file"; of: Schemas["FileKind"]; name: string; content: ArrayBuffer; mediaType: string; small: string };

/** Why an action is not simply sent again: the order was changed meanwhile, the server does not want it, or fails at it each time. */
export interface Trouble { kind: "conflict" | "refused" | "failed"; message: string }

export interface Action {
  /** The order in which they were done. */
  seq: number;
  orderId: number;
  userId: number;
  /** Idempotency key: whatever happens on the way, the server does it once. */
  key: string;
  title: { en: string; zh: string };
  madeAt: number;
  work: Work;
  /** A request was sent and its answer was not heard: it may have been done. */
  doubtful: boolean;
  tries: number;
  /** How often the server answered that it failed; what was written down before this was counted has none. */
  failures?: number;
  trouble: Trouble | null;
}

/** Where the actions of an order begin: the version that the person saw, or that the last one made. */
export interface Chain { orderId: number; version: number; foreign: boolean }

interface Kept extends DBSchema {
  owner: { key: "owner"; value: Owner };
  orders: { key: number; value: KeptOrder };
  lists: { key: string; value: unknown };
  actions: { key: number; value: Action };
  chains: { key: number; value: Chain };
}

export type Store = IDBPDatabase<Kept>;
const STORES = ["owner", "orders", "lists", "actions", "chains"] as const;

let opened: Promise<Store> | null = null;

export function store(): Promise<Store> {
  opened ??= openDB<Kept>("plantroom", 1, {
    upgrade(db) {
      db.createObjectStore("owner");
      db.createObjectStore("orders", { keyPath: "id" });
      db.createObjectStore("lists");
      db.createObjectStore("actions", { keyPath: "seq", autoIncrement: true });
      db.createObjectStore("chains", { keyPath: "orderId" });
    },
    // Another version of the application wants to change it: this page lets go.
    blocking(_from, _to, event) { (event.target as IDBDatabase).close(); opened = null; },
    terminated() { opened = null; },
  }).catch((error: unknown) => { opened = null; throw error; });
  return opened;
}

/** Storage has refused to keep something: it is full, blocked or not there. */
export const storageFails = ref(false);

export type Change = IDBPTransaction<Kept, typeof STORES, "readwrite">;

/** Change what is kept, all of it or nothing. */
export async function change<T>(work: (on: Change) => Promise<T>): Promise<T> {
  try {
    const on = (await store()).transaction(STORES, "readwrite");
    const undo = (error: unknown): never => {
      try { on.abort(); } catch { /* it has ended by itself */ }
      throw error;
    };
    const [result] = await Promise.all([work(on).catch(undo), on.done]);
    storageFails.value = false;
    return result;
  } catch (error) {
    storageFails.value = true;
    throw error;
  }
}

export async function isOwner(on: Change, userId: number): Promise<boolean> {
  return (await on.objectStore("owner").get("owner"))?.identity.user_id === userId;
}

/** Keep what was fetched for somebody; nothing once this browser is somebody else's, or nobody's. Returns whether it was. */
export const changeFor = (userId: number, work: (on: Change) => Promise<unknown>): Promise<boolean> => change(async (on) => {
  if (!(await isOwner(on, userId))) return false;
  await work(on);
  return true;
});

/** Nothing of anybody is left. */
export const clear = (on: Change): Promise<unknown> => Promise.all(STORES.map((name) => on.objectStore(name).clear()));
export const wipe = async (): Promise<void> => { await change(clear); };
