/** What becomes of an action after the server's answer, or for want of one. */
import type { Action, Chain, Trouble } from "./db";

/** What a request came to: the version that it made, or why not. Status 0 is no answer. */
export type Answer = { ok: true; version: number | null } | { ok: false; status: number; message: string };

export type Outcome =
  | { do: "sent"; chain: Chain }
  /** Nobody is reached, or too much was asked: everything waits. */
  | { do: "away" }
  /** The server fails at this one: it waits, with what follows on its order. */
  | { do: "later" }
  /** The session is over: everything waits for a login. */
  | { do: "login" }
  /** It does not depend on what the order says: once more, whatever its version. */
  | { do: "anyway"; chain: Chain }
  | { do: "trouble"; trouble: Trouble };

/** A request that is still running answers 409 as long as it runs. */
export const MOST_TRIES_OF_A_RUNNING_ONE = 5;
/** So often the server may fail at an action before a person is asked: it is broken for this one, */
export const MOST_FAILURES = 5;
/** or was busy or away with something on the way speaking for it, which passes. */
export const MOST_BUSY = 40;
const BUSY = new Set([408, 502, 503, 504]);

/** A step is meant for what the person saw; a photo or a remark belongs to the order whatever others did. */
export const dependsOnVersion = (action: Action): boolean => action.work.kind === "step";

export function outcomeOf(action: Action, chain: Chain, answer: Answer): Outcome {
  if (answer.ok) {
    // A change counts one; the same photo sent twice counts none. What is more, somebody else did.
    const version = answer.version ?? chain.version + 1;
    return { do: "sent", chain: { ...chain, version, foreign: chain.foreign || version > chain.version + 1 } };
  }
  const { status, message } = answer;
  if (status === 401) return { do: "login" };
  if (status === 0 || status === 429) return { do: "away" };
  if (BUSY.has(status) || status >= 500) {
    const enough = (action.failures ?? 0) + 1 >= (BUSY.has(status) ? MOST_BUSY : MOST_FAILURES);
    return enough ? { do: "trouble", trouble: { kind: "failed", message } } : { do: "later" };
  }
  if (status === 412) {
    // When the first answer was lost, the change may be this very one: a person looks.
    if (!dependsOnVersion(action) && !action.doubtful) return { do: "anyway", chain: { ...chain, foreign: true } };
    return { do: "trouble", trouble: { kind: "conflict", message } };
  }
  if (status === 409) {
    if (action.doubtful && action.tries < MOST_TRIES_OF_A_RUNNING_ONE) return { do: "later" };
    return { do: "trouble", trouble: { kind: "conflict", message } };
  }
  return { do: "trouble", trouble: { kind: "refused", message } };
}
