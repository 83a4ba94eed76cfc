/** Puts orders on the phone in the background: nothing that is shown waits for it. */
import { ref } from "vue";

import { api, content, Refused, type Schemas } from "@/api/client";

import { changeFor, type KeptOrder, type Order, store } from "./db";

/** A request that hangs on a bad line would hold up the rest. */
const PATIENCE_MS = 30_000;
/** Of orders that are not the person's own but were looked at. */
const KEEP_LOOKED_AT_MS = 86_400_000;

/** How many of the own orders are not on this phone, and do not open without a connection. */
export const unkept = ref(0);

export const fetchOrder = (id: number): Promise<Order> => content(api.GET("/api/v1/work-orders/{order_id}", { params: { path: { order_id: id } }, signal: AbortSignal.timeout(PATIENCE_MS) }));

/** A small image; null when it cannot be had now: it is asked for again next time. */
async function dataUrl(path: string): Promise<string | null> {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) return null;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return `data:image/jpeg;base64,${btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""))}`;
  } catch { return null; }
}

const lacking = ({ order, thumbs }: KeptOrder): Order["files"] => order.files.filter((one) => one.has_thumbnail && !(one.id in thumbs));

/** Write an order and images of it; a later version that is here stays. */
async function write(userId: number, order: Order, images: Record<number, string>): Promise<KeptOrder | null> {
  let kept: KeptOrder | null = null;
  await changeFor(userId, async (on) => {
    const orders = on.objectStore("orders");
    const before = await orders.get(order.id);
    const newest = before && before.order.version > order.version ? before : { order, keptAt: Date.now() };
    kept = { id: order.id, order: newest.order, keptAt: newest.keptAt, thumbs: { ...before?.thumbs, ...images } };
    await orders.put(kept);
  });
  return kept;
}

/** Keep an order at once, then the small images of its files that are not here. Null: this browser is not theirs any more. */
export async function keep(userId: number, order: Order): Promise<KeptOrder | null> {
  const kept = await write(userId, order, {});
  const images: Record<number, string> = {};
  for (const { id } of kept ? lacking(kept) : []) {
    const image = await dataUrl(`/api/v1/work-orders/${order.id}/files/${id}/thumbnail`);
    if (image) images[id] = image;
  }
  return Object.keys(images).length ? write(userId, order, images) : kept;
}

/** Answers by which an order is not the person's to see any more; nothing is missing then. */
const GONE = new Set([403, 404]);

type Item = Schemas["OrderItem"];
type Became = "kept" | "gone" | "missing" | "nobody answers";

async function keepOne(userId: number, item: Item): Promise<Became> {
  const before = await (await store()).get("orders", item.id);
  if (before?.order.version === item.version && !lacking(before).length) return "kept";
  try {
    return (await keep(userId, await fetchOrder(item.id))) ? "kept" : "gone";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (GONE.has(error.status)) return "gone";
    if (error.status === 0 || error.status === 401) return "nobody answers";
    return before ? "kept" : "missing";
  }
}

async function pass(userId: number, items: readonly Item[]): Promise<void> {
  await changeFor(userId, (on) => on.objectStore("lists").put(items, "mine"));
  const gone = new Set<number>();
  for (const item of items) {
    const became = await keepOne(userId, item);
    if (became === "gone") gone.add(item.id);
    if (became === "nobody answers") break;
  }
  const here = new Set(await (await store()).getAllKeys("orders"));
  unkept.value = items.filter((one) => !here.has(one.id) && !gone.has(one.id)).length;
  await changeFor(userId, async (on) => {
    const waits = (await on.objectStore("actions").getAll()).map((one) => one.orderId);
    const own = new Set([...items.map((one) => one.id), ...waits]);
    for (const { id, keptAt } of await on.objectStore("orders").getAll()) {
      if (!own.has(id) && Date.now() - keptAt > KEEP_LOOKED_AT_MS) await on.objectStore("orders").delete(id);
    }
    for (const id of await on.objectStore("chains").getAllKeys()) {
      if (!own.has(id)) await on.objectStore("chains").delete(id);
    }
  });
}

let wanted: (() => Promise<void>) | null = null;
let running: Promise<void> | null = null;

async function run(): Promise<void> {
  for (let next = wanted; next; next = wanted) {
    wanted = null;
    await next();
  }
}

/** Keep own orders; asked again while it is at it, it goes on with the newest list afterwards. Resolves when all is done. */
export function keepMine(userId: number, items: readonly Item[]): Promise<void> {
  wanted = () => pass(userId, items).catch(() => { unkept.value = items.length; });
  running ??= run().finally(() => { running = null; });
  return running;
}
