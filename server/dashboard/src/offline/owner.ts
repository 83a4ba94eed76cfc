/** Whose work this browser keeps: one person's, and nothing of it for the next. */
import { ref, shallowRef } from "vue";

import { loggedOut, type Schemas } from "@/api/client";

import { change, clear, store, wipe } from "./db";
import { changed, forgetWaiting } from "./queue";

type Identity = Schemas["Identity"];

interface Foreign { name: string; count: number; by: number }

/** Who was here last, while their session is not known to be over: enough to open without a connection. */
export const keptIdentity = shallowRef<Identity | null>(null);
/** Somebody else has logged in while actions of another person wait here: whose, how many, and who it is. */
export const foreign = shallowRef<Foreign | null>(null);
/** The person whose data are here is in. */
export const ownerId = ref<number | null>(null);
/** Who is at work here, in or without a connection. */
export const userId = (): number | null => ownerId.value ?? keptIdentity.value?.user_id ?? null;

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("plantroom-owner");
// Another tab has logged out, or somebody else has logged in there: what this one shows is not theirs.
if (channel) channel.onmessage = ({ data }: MessageEvent<number | null>) => {
  const here = userId() ?? foreign.value?.by ?? null;
  if (here !== null && data !== here) loggedOut.value = true;
};

/** Read who was here; storage that cannot be had is as good as empty. */
export async function readOwner(): Promise<void> {
  const owner = await (await store()).get("owner", "owner");
  keptIdentity.value = owner && !owner.locked ? owner.identity : null;
  await changed();
}

/** Take the person in whom the server knows; what another one left is deleted, unless it waits to be sent. */
export const claim = (identity: Identity): Promise<void> => take(identity, false);

/** What another person left unsent is deleted; the one who is in has been told. */
export const takeOver = (identity: Identity): Promise<void> => take(identity, true);

async function take(identity: Identity, overUnsent: boolean): Promise<void> {
  channel?.postMessage(identity.user_id);
  try {
    foreign.value = await moveIn(identity, overUnsent);
    await changed();
  } catch {
    // A browser without storage keeps nothing, of nobody; the frame says so (`storageFails`).
    foreign.value = null;
  }
  keptIdentity.value = foreign.value ? null : identity;
  ownerId.value = foreign.value ? null : identity.user_id;
}

/** Make this browser somebody's, unless another one's actions wait here: then theirs is locked, and it is told whose they are. */
async function moveIn(identity: Identity, overUnsent: boolean): Promise<Foreign | null> {
  const plain = JSON.parse(JSON.stringify(identity)) as Identity;
  return change(async (on) => {
    const owners = on.objectStore("owner");
    const owner = await owners.get("owner");
    if (owner?.identity.user_id !== identity.user_id) {
      const count = owner && !overUnsent ? await on.objectStore("actions").count() : 0;
      if (owner && count) {
        await owners.put({ ...owner, locked: true }, "owner");
        return { name: owner.identity.name, count, by: identity.user_id };
      }
      await clear(on);
    }
    await owners.put({ identity: plain, locked: false }, "owner");
    return null;
  });
}

/** The session of who is here is over: everything stays, and is shown again after a login. */
export async function lock(): Promise<void> {
  const who = userId();
  keptIdentity.value = null;
  ownerId.value = null;
  if (who === null) return;
  await change(async (on) => {
    const owner = await on.objectStore("owner").get("owner");
    // Whoever has come in meanwhile stays in.
    if (owner?.identity.user_id === who) await on.objectStore("owner").put({ ...owner, locked: true }, "owner");
  }).catch(() => { /* without storage nothing is kept; the frame says so (`storageFails`) */ });
}

/** The person has logged out: nothing of theirs stays, and this page knows nothing of it from now on.

Raises: what storage says that is there and does not delete. */
export async function leave(): Promise<void> {
  keptIdentity.value = null;
  ownerId.value = null;
  forgetWaiting();
  channel?.postMessage(null);
  // Without storage nothing has been kept.
  if (!(await store().catch(() => null))) return;
  await wipe();
  await changed();
}
