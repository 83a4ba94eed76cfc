/** Doing something to an order: it is written down here first, then sent, now or when somebody answers. */
import { onScopeDispose, watch } from "vue";

import { loggedOut, Refused } from "@/api/client";
import { i18n } from "@/i18n";
import { isLive, now } from "@/live/feed";

import { type Order, storageFails, type Work } from "./db";
import { line } from "./line";
import { ownerId, userId } from "./owner";
import { actionOf, newKey, put, remove, waitingCount } from "./queue";
import { drain } from "./sender";

/** So long a person waits for the server before the action is left to the queue. */
const ATTENDED_MS = 6000;
const AGAIN_MS = 15_000;

type Target = Pick<Order, "id" | "version" | "title_en" | "title_zh">;

export async function sendWaiting(): Promise<void> {
  const id = ownerId.value;
  if (id === null || loggedOut.value) return;
  // The line tells what the server says; what is left is storage, of which the strip speaks.
  await drain(line, id).catch(() => { storageFails.value = true; });
}

export type Done = "sent" | "waiting" | "conflict";

/** Do it. What the server refuses while the person looks on is told at once and not kept.

Raises: `Refused`, with what the server says. */
export async function perform(order: Target, work: Work): Promise<Done> {
  const id = userId();
  if (id === null) throw new Refused(0, i18n.global.t("state.offline"));
  let seq: number | null;
  try { seq = await put(order, id, work, now.value); } catch { return performUnkept(order, id, work); }
  if (seq === null) { loggedOut.value = true; throw new Refused(401, i18n.global.t("login.expired")); }
  await Promise.race([sendWaiting(), new Promise((done) => { setTimeout(done, ATTENDED_MS); })]);
  const left = await actionOf(seq);
  if (!left) return "sent";
  if (left.trouble?.kind === "refused") {
    await remove(left);
    throw new Refused(422, left.trouble.message);
  }
  return left.trouble?.kind === "conflict" ? "conflict" : "waiting";
}

/** Nothing can be written down here: it is sent now or not at all, and the person is told which. */
async function performUnkept(order: Target, by: number, work: Work): Promise<Done> {
  const answer = await line.send({ orderId: order.id, userId: by, key: newKey(), work }, work.kind === "file" ? null : order.version);
  if (answer.ok) { line.sent({ work }); return "sent"; }
  throw new Refused(answer.status || 503, answer.status ? answer.message : i18n.global.t("queue.no_room"));
}

/** Send whenever there is reason to hope; to be called once, by the frame. */
export function keepSending(): void {
  watch([isLive, ownerId], () => { void sendWaiting(); }, { immediate: true });
  const onSight = (): void => { if (!document.hidden) void sendWaiting(); };
  window.addEventListener("online", onSight);
  document.addEventListener("visibilitychange", onSight);
  const timer = setInterval(() => { if (waitingCount.value) void sendWaiting(); }, AGAIN_MS);
  onScopeDispose(() => {
    clearInterval(timer);
    window.removeEventListener("online", onSight);
    document.removeEventListener("visibilitychange", onSight);
  });
}
