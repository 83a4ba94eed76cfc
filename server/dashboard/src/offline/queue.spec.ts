import "fake-indexeddb/auto";

import { beforeEach, expect, it, vi } from "vitest";

import { type Action, change, type Owner, store, wipe, type Work } from "./db";
import { type Answer, MOST_FAILURES } from "./outcome";
import { again, discard, put, retry, troubled, waiting } from "./queue";
import { drain, type Line } from "./sender";

const LI = 1;
const ORDER = { id: 7, version: 3, title_en: "Pump", title_zh: "水泵" };
const OTHER = { ...ORDER, id: 8, version: 1 };
const step = (verb: "accept" | "arrive" | "start"): Work => ({ kind: "step", verb, to: "accepted", body: {} });
const remark = (comment: string): Work => ({ kind: "comment", body: { comment } });
const photo = (): Work => ({ kind: "file", of: "photo", name: "p", content: new ArrayBuffer(3), mediaType: "image/jpeg", small: "" });

/** A server that counts versions, remembers keys, and loses answers when told to. */
class Server implements Line {
  versions = new Map([[7, 3], [8, 1]]);
  done: string[] = [];
  asked: string[] = [];
  keys = new Map<string, number>();
  loses = 0;
  refuses: Answer | null = null;
  /** What happens between a request and its answer. */
  meanwhile: (action: Action) => Promise<Answer | null> = () => Promise.resolve(null);
  loggedIn: number | null = LI;
  logins = 0;

  who = (): Promise<number | null> => Promise.resolve(this.loggedIn);
  loginNeeded = (): void => { this.logins += 1; };
  sent = (): void => { /* nobody looks */ };

  async send(action: Action, version: number | null): Promise<Answer> {
    const what = `${action.orderId} ${action.work.kind === "step" ? action.work.verb : action.work.kind}`;
    this.asked.push(`${what} ${version ?? "*"}`);
    return (await this.meanwhile(action)) ?? this.answer(action, version, what);
  }

  private answer(action: Action, version: number | null, what: string): Answer {
    const before = this.keys.get(action.key);
    if (before !== undefined) return { ok: true, version: before };
    if (this.refuses) return this.refuses;
    const now = this.versions.get(action.orderId) ?? 0;
    if (version !== null && version !== now) return { ok: false, status: 412, message: `version ${now}` };
    this.versions.set(action.orderId, now + 1);
    this.keys.set(action.key, now + 1);
    this.done.push(what);
    if (this.loses > 0) { this.loses -= 1; return { ok: false, status: 0, message: "offline" }; }
    return { ok: true, version: now + 1 };
  }
}

/** Make the browser somebody's. */
const owned = (id: number): Promise<unknown> => change((on) => on.objectStore("owner").put({ identity: { user_id: id, name: "li" }, locked: false } as Owner, "owner"));

let server: Server;
beforeEach(async () => {
  await wipe();
  await owned(LI);
  server = new Server();
  vi.unstubAllGlobals();
});
const send = (): Promise<void> => drain(server, LI);
const left = (): string[] => waiting.value.map((one) => `${one.orderId} ${one.work.kind}${one.trouble ? ` ${one.trouble.kind}` : ""}`);

it("sends in order, each step for the version that the one before has made", async () => {
  for (const work of [step("accept"), photo(), step("arrive")]) await put(ORDER, LI, work, 0);
  await put(OTHER, LI, step("accept"), 0);
  await send();
  expect(server.asked).toEqual(["7 accept 3", "7 file *", "7 arrive 5", "8 accept 1"]);
  expect(left()).toEqual([]);
});

it("asks for an answer that was lost by the same key, and the server does it once", async () => {
  await put(ORDER, LI, step("accept"), 0);
  await put(ORDER, LI, remark("dry now"), 0);
  server.loses = 1;
  await send();
  expect(left()).toEqual(["7 step", "7 comment"]);
  await send();
  expect(server.done).toEqual(["7 accept", "7 comment"]);
  expect(left()).toEqual([]);
});

it("holds a step for a person when the order was changed meanwhile, and only that order", async () => {
  await put(ORDER, LI, step("accept"), 0);
  await put(ORDER, LI, step("arrive"), 0);
  await put(OTHER, LI, step("accept"), 0);
  server.versions.set(7, 5);
  await send();
  expect(server.done).toEqual(["8 accept"]);
  expect(left()).toEqual(["7 step conflict", "7 step"]);
  await send();
  expect(server.asked.filter((one) => one.startsWith("7"))).toEqual(["7 accept 3"]);
  const [held] = troubled.value;
  if (!held) throw new Error("nothing is held");
  await again(held, 5);
  await send();
  expect(server.done).toEqual(["8 accept", "7 accept", "7 arrive"]);
  expect(left()).toEqual([]);
});

it("goes on with what follows when a person gives one up", async () => {
  await put(ORDER, LI, step("accept"), 0);
  await put(ORDER, LI, step("arrive"), 0);
  server.versions.set(7, 4);
  await send();
  const [held] = troubled.value;
  if (!held) throw new Error("nothing is held");
  await discard(held, 4);
  await send();
  expect(server.asked).toEqual(["7 accept 3", "7 arrive 4"]);
  expect(left()).toEqual([]);
});

it("sends a remark whatever others did, but no step behind it without a person", async () => {
  await put(ORDER, LI, remark("smells"), 0);
  await put(ORDER, LI, step("accept"), 0);
  server.versions.set(7, 4);
  await send();
  expect(server.asked).toEqual(["7 comment 3", "7 comment *"]);
  expect(left()).toEqual(["7 step conflict"]);
});

it("notices by the version after a photo that somebody else was there", async () => {
  await put(ORDER, LI, photo(), 0);
  await put(ORDER, LI, step("accept"), 0);
  server.versions.set(7, 4);
  await send();
  expect(server.asked).toEqual(["7 file *"]);
  expect(left()).toEqual(["7 step conflict"]);
});

it("keeps what the server does not want, with its reason", async () => {
  await put(ORDER, LI, step("accept"), 0);
  server.refuses = { ok: false, status: 403, message: "work order 7 is not yours" };
  await send();
  expect(troubled.value[0]?.trouble).toEqual({ kind: "refused", message: "work order 7 is not yours" });
});

it("waits for a login and goes on after it", async () => {
  await put(ORDER, LI, step("accept"), 0);
  server.refuses = { ok: false, status: 401, message: "log in" };
  await send();
  expect([server.logins, left()]).toEqual([1, ["7 step"]]);
  server.refuses = null;
  await send();
  expect(server.done).toEqual(["7 accept"]);
});

it("sends nothing for somebody else", async () => {
  await put(ORDER, LI, step("accept"), 0);
  server.loggedIn = 2;
  await send();
  expect(server.logins).toBe(1);
  await drain(server, 2);
  expect(server.asked).toEqual([]);
  expect(left()).toEqual(["7 step"]);
});

it("sends once with two tabs", async () => {
  let before: Promise<unknown> = Promise.resolve();
  const locks = { request: (_: string, work: () => Promise<void>) => { const mine = before.then(work); before = mine; return mine; } };
  vi.stubGlobal("navigator", { locks });
  await put(ORDER, LI, step("accept"), 0);
  await put(ORDER, LI, step("arrive"), 0);
  await Promise.all([send(), send()]);
  expect(server.asked).toEqual(["7 accept 3", "7 arrive 4"]);
});

it("is still there after a reload", async () => {
  await put(ORDER, LI, photo(), 5);
  vi.resetModules();
  const fresh = await import("./queue");
  await fresh.changed();
  expect(fresh.waiting.value.map((one) => [one.madeAt, one.work.kind])).toEqual([[5, "file"]]);
});

const fails = (status: number, orderId = 7) => (action: Action): Promise<Answer | null> =>
  Promise.resolve(action.orderId === orderId ? { ok: false, status, message: "broken" } : null);
async function drains(times: number): Promise<void> { for (let n = 0; n < times; n += 1) await send(); }

it("brings nothing back that was deleted while it was on its way", async () => {
  for (const status of [500, 412, 401, 422]) {
    await owned(LI);
    await put(ORDER, LI, step("accept"), 0);
    server.meanwhile = async () => { await wipe(); return { ok: false, status, message: "no" }; };
    await send();
    expect([status, left(), await (await store()).getAllKeys("chains")]).toEqual([status, [], []]);
  }
});

it("goes on from what it did last, though the page has not heard of that yet", async () => {
  for (const verb of ["accept", "arrive"] as const) { await put(ORDER, LI, step(verb), 0); await send(); }
  expect([server.done, left()]).toEqual([["7 accept", "7 arrive"], []]);
  // What somebody else did is theirs all the same, until the page shows it.
  server.versions.set(7, 9);
  await put(ORDER, LI, step("start"), 0);
  await send();
  expect([server.asked.at(-1), troubled.value.map((one) => one.trouble?.kind)]).toEqual(["7 start 5", ["conflict"]]);
  for (const one of troubled.value) await discard(one, 9);
  await put({ ...ORDER, version: 9 }, LI, step("start"), 0);
  await send();
  expect([server.done.at(-1), left()]).toEqual(["7 start", []]);
});

it("does not send again what was deleted after its first try", async () => {
  await put(ORDER, LI, remark("smells"), 0);
  server.meanwhile = async () => { await wipe(); return { ok: false, status: 412, message: "version 4" }; };
  await send();
  expect(server.asked).toEqual(["7 comment 3"]);
});

it("leaves what somebody else began meanwhile on the same order as it is", async () => {
  await put(ORDER, LI, step("accept"), 0);
  server.meanwhile = async () => { await wipe(); await owned(2); await put({ ...ORDER, version: 9 }, 2, step("accept"), 0); return null; };
  await send();
  expect(await (await store()).get("chains", 7)).toEqual({ orderId: 7, version: 9, foreign: false });
  expect(waiting.value.map((one) => one.userId)).toEqual([2]);
});

it("writes nothing down for whom this browser is not any more", async () => {
  await owned(2);
  expect(await put(ORDER, LI, step("accept"), 0)).toBeNull();
  await wipe();
  expect(await put(ORDER, LI, step("accept"), 0)).toBeNull();
  expect(left()).toEqual([]);
});

it("sets aside what the server fails at each time; other orders go on, the same one waits", async () => {
  await put(ORDER, LI, step("accept"), 0);
  await put(ORDER, LI, remark("dry now"), 0);
  await put(OTHER, LI, step("accept"), 0);
  server.meanwhile = fails(500);
  await send();
  expect(server.done).toEqual(["8 accept"]);
  expect(left()).toEqual(["7 step", "7 comment"]);
  await drains(MOST_FAILURES - 1);
  expect(left()).toEqual(["7 step failed", "7 comment"]);
  await send();
  expect(server.asked.length).toBe(MOST_FAILURES + 1);
  const [held] = troubled.value;
  if (!held) throw new Error("nothing is held");
  server.meanwhile = () => Promise.resolve(null);
  await retry(held);
  await send();
  expect([...server.keys.keys()]).toContain(held.key);
  expect(server.done).toEqual(["8 accept", "7 accept", "7 comment"]);
  expect(left()).toEqual([]);
});

it("asks nobody while the server is only busy, and goes on with the others", async () => {
  await put(ORDER, LI, photo(), 0);
  await put(OTHER, LI, step("accept"), 0);
  server.meanwhile = fails(504);
  await drains(3 * MOST_FAILURES);
  expect([server.done, left()]).toEqual([["8 accept"], ["7 file"]]);
});

it("lets nothing that never arrives stand before the rest for ever", async () => {
  await put(ORDER, LI, photo(), 0);
  await put(OTHER, LI, step("accept"), 0);
  server.meanwhile = fails(0);
  await drains(2);
  expect([server.done, left()]).toEqual([["8 accept"], ["7 file"]]);
});
