/** Sends what waits, one after the other, in one tab at a time. */
import { ref } from "vue";

import type { Action, Chain } from "./db";
import { type Answer, dependsOnVersion, outcomeOf } from "./outcome";
import { changed, nextDue, remove, write } from "./queue";

/** What the server is told of an action, and who did it. */
export type Sendable = Pick<Action, "orderId" | "userId" | "key" | "work">;

export interface Line {
  /** Who is logged in, as the server says; null: nobody is reached. */
  who(): Promise<number | null>;
  /** Send one action; without a version whatever the order says. */
  send(action: Sendable, version: number | null): Promise<Answer>;
  /** The session is over. */
  loginNeeded(): void;
  /** Something was sent. */
  sent(action: Pick<Action, "work">): void;
}

/** A drain is under way in this tab. */
export const sending = ref(false);

const LOCK = "plantroom-queue";

/** Run alone among all tabs where the browser can tell them apart; the keys make sure of it elsewhere. */
async function alone(work: () => Promise<void>): Promise<void> {
  const locks = (navigator as { locks?: LockManager }).locks;
  if (locks) await locks.request(LOCK, work);
  else await work();
}

type Became = "go on" | "later" | "stop";

async function one(line: Line, action: Action, chain: Chain): Promise<Became> {
  if (dependsOnVersion(action) && chain.foreign) {
    await write({ ...action, trouble: { kind: "conflict", message: "" } });
    return "go on";
  }
  // Before it leaves: what the server did is asked for by the same key, also after a crash.
  const tried = { ...action, tries: action.tries + 1 };
  if (!(await write({ ...tried, doubtful: true }))) return "go on";
  const needsVersion = action.work.kind !== "file" && !(chain.foreign && !dependsOnVersion(action));
  const judged = { ...tried, doubtful: action.doubtful };
  let outcome = outcomeOf(judged, chain, await line.send(action, needsVersion ? chain.version : null));
  if (outcome.do === "anyway") {
    if (!(await write({ ...tried, doubtful: true }, outcome.chain))) return "go on";
    outcome = outcomeOf(judged, outcome.chain, await line.send(action, null));
  }
  switch (outcome.do) {
    case "sent":
      await remove(action, outcome.chain);
      line.sent(action);
      return "go on";
    case "trouble":
      // What the server failed at may have been done.
      await write({ ...tried, doubtful: outcome.trouble.kind === "failed" || action.doubtful, trouble: outcome.trouble });
      return "go on";
    case "later":
      await write({ ...tried, doubtful: true, failures: (action.failures ?? 0) + 1 });
      return "later";
    case "login":
      await write(action);
      line.loginNeeded();
      return "stop";
    case "anyway":
    case "away":
      return "stop";
  }
}

/** Send all that can be sent now. */
export async function drain(line: Line, userId: number): Promise<void> {
  await alone(async () => {
    if (!(await nextDue(userId))) return;
    sending.value = true;
    const later = new Set<number>();
    try {
      // The cookie may be somebody else's by now: another tab has let them in.
      const who = await line.who();
      if (who !== null && who !== userId) line.loginNeeded();
      if (who !== userId) return;
      for (let due = await nextDue(userId); due; due = await nextDue(userId, later)) {
        const became = await one(line, due.action, due.chain);
        if (became === "stop") break;
        if (became === "later") later.add(due.action.orderId);
      }
    } finally {
      sending.value = false;
      await changed();
    }
  });
}
