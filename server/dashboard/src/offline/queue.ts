/** The actions that wait: written down first, sent after; each tab sees them. */
import { computed, shallowRef } from "vue";

import { onceKey } from "@/api/client";

import { type Action, type Chain, change, isOwner, type Order, store, type Work } from "./db";

/** All that wait, oldest first. */
export const waiting = shallowRef<readonly Action[]>([]);
export const waitingCount = computed(() => waiting.value.length);
export const troubled = computed(() => waiting.value.filter((one) => one.trouble));

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("plantroom-queue");
if (channel) channel.onmessage = () => { void look(); };

/** Read what is there. */
async function look(): Promise<void> { waiting.value = await (await store()).getAll("actions"); }

/** This page has nothing to do with what waits any more. */
export function forgetWaiting(): void { waiting.value = []; }

/** Tell every tab, this one as well, that the queue has changed. */
export async function changed(): Promise<void> {
  channel?.postMessage("changed");
  await look();
}

export const newKey = (): string => onceKey()["Idempotency-Key"];

/** Write an action down; from then on it is lost by nothing but a person who deletes it. Null: this browser is not theirs any more. */
export async function put(order: Pick<Order, "id" | "version" | "title_en" | "title_zh">, userId: number, work: Work, at: number): Promise<number | null> {
  const action: Omit<Action, "seq"> = {
    orderId: order.id, userId, key: newKey(), title: { en: order.title_en, zh: order.title_zh },
    madeAt: at, work, doubtful: false, tries: 0, failures: 0, trouble: null,
  };
  const seq = await change(async (on) => {
    if (!(await isOwner(on, userId))) return null;
    const chains = on.objectStore("chains");
    const known = await chains.get(order.id);
    const waits = (await on.objectStore("actions").getAll()).some((one) => one.orderId === order.id);
    // A page that has not heard yet of what this browser did last goes on from that; one that has seen as much or more, from what it shows.
    if (!known || (!waits && order.version >= known.version)) await chains.put({ orderId: order.id, version: order.version, foreign: false });
    return on.objectStore("actions").add(action as Action);
  });
  await changed();
  return seq;
}

export async function actionOf(seq: number): Promise<Action | undefined> { return (await store()).get("actions", seq); }

/** Take an action out, as sent or as not wanted any more; what was made by the last one that was sent is remembered. */
export async function remove(action: Action, chain?: Chain): Promise<void> {
  await change(async (on) => {
    const actions = on.objectStore("actions");
    if ((await actions.getKey(action.seq)) === undefined) return;
    await actions.delete(action.seq);
    if (chain) await on.objectStore("chains").put(chain);
  });
  await changed();
}

/** Change an action, if it is still there: one that was sent, given up or logged out of meanwhile does not come back. Returns whether it was. */
export async function write(action: Action, chain?: Chain): Promise<boolean> {
  const there = await change(async (on) => {
    const actions = on.objectStore("actions");
    if ((await actions.getKey(action.seq)) === undefined) return false;
    await actions.put(action);
    if (chain) await on.objectStore("chains").put(chain);
    return true;
  });
  await changed();
  return there;
}

/** Once more what the server refused or failed at. By the same key: it may have been done all the same. */
export const retry = (action: Action): Promise<boolean> => write({ ...action, tries: 0, failures: 0, trouble: null });

/** Somebody has seen both sides and wants it done all the same, on the order as it is now. */
export const again = (action: Action, seenVersion: number): Promise<boolean> =>
  write({ ...action, key: newKey(), doubtful: false, tries: 0, failures: 0, trouble: null }, { orderId: action.orderId, version: seenVersion, foreign: false });

/** Somebody has seen both sides and gives up this one; what follows goes on from what was seen. */
export const discard = (action: Action, seenVersion: number): Promise<void> =>
  remove(action, { orderId: action.orderId, version: seenVersion, foreign: false });

/** What is sent next: of the first actions of all orders that nothing holds up, the one that was tried least, so that none stands before the rest for ever. */
export async function nextDue(userId: number, later: ReadonlySet<number> = new Set()): Promise<{ action: Action; chain: Chain } | undefined> {
  const db = await store();
  const first = new Map<number, Action>();
  for (const action of await db.getAll("actions")) {
    if (action.userId === userId && !first.has(action.orderId)) first.set(action.orderId, action);
  }
  const due = [...first.values()].filter((one) => !one.trouble && !later.has(one.orderId)).sort((a, b) => a.tries - b.tries);
  for (const action of due) {
    const chain = await db.get("chains", action.orderId);
    if (chain) return { action, chain };
  }
  return undefined;
}
