import "fake-indexeddb/auto";

import { beforeEach, expect, it } from "vitest";

import { loggedOut } from "@/api/client";

import { change, store, wipe } from "./db";
import { claim, foreign, keptIdentity, leave, lock, ownerId, readOwner, takeOver } from "./owner";
import { put, waiting } from "./queue";

type Identity = Parameters<typeof claim>[0];
const LI = { user_id: 1, name: "li" } as Identity;
const WANG = { user_id: 2, name: "wang" } as Identity;
const ORDER = { id: 7, version: 3, title_en: "Pump", title_zh: "水泵" };
const remark = (user: Identity): Promise<number | null> => put(ORDER, user.user_id, { kind: "comment", body: { comment: "dry" } }, 0);
const lists = async (): Promise<unknown[]> => (await store()).getAll("lists");
const keepList = (): Promise<unknown> => change((on) => on.objectStore("lists").put(["an order"], "mine"));
const row = async (): Promise<unknown> => { const owner = await (await store()).get("owner", "owner"); return owner && [owner.identity.name, owner.locked]; };

beforeEach(async () => {
  await leave();
  await wipe();
  foreign.value = null;
  loggedOut.value = false;
});

it("keeps what somebody left, and nothing of another one or of nobody knows whom", async () => {
  await keepList();
  await claim(LI);
  expect(await lists()).toEqual([]);
  await keepList();
  await claim(LI);
  expect(await lists()).toHaveLength(1);
  await claim(WANG);
  expect([await lists(), ownerId.value, await row()]).toEqual([[], 2, ["wang", false]]);
});

it("shows nobody else what waits, and locks it for a page without a connection too", async () => {
  await claim(LI);
  await keepList();
  await remark(LI);
  await claim(WANG);
  expect(foreign.value).toEqual({ name: "li", count: 1, by: 2 });
  expect([ownerId.value, keptIdentity.value, await row()]).toEqual([null, null, ["li", true]]);
  await readOwner();
  expect(keptIdentity.value).toBeNull();
  expect(await remark(WANG)).toBeNull();
  await claim(LI);
  expect([foreign.value, waiting.value.length, (await lists()).length, await row()]).toEqual([null, 1, 1, ["li", false]]);
});

it("deletes what waits when the next one was told and says so", async () => {
  await claim(LI);
  await remark(LI);
  await claim(WANG);
  await takeOver(WANG);
  expect([foreign.value, waiting.value.length, ownerId.value, await row()]).toEqual([null, 0, 2, ["wang", false]]);
});

it("knows nothing of anybody at once when they leave, before storage answers", async () => {
  await claim(LI);
  await remark(LI);
  const over = leave();
  expect([ownerId.value, keptIdentity.value, waiting.value]).toEqual([null, null, []]);
  await over;
  expect(await row()).toBeUndefined();
});

it("locks whose session is over, and nobody who came in meanwhile", async () => {
  await claim(LI);
  const over = lock();
  await claim(WANG);
  await over;
  expect(await row()).toEqual(["wang", false]);
  await lock();
  expect([ownerId.value, await row()]).toEqual([null, ["wang", true]]);
});

it("ends in every tab when somebody else comes in, or whoever is here leaves", async () => {
  const told = new BroadcastChannel("plantroom-owner");
  await claim(LI);
  told.postMessage(1);
  told.postMessage(2);
  await expect.poll(() => loggedOut.value).toBe(true);
  told.close();
});
