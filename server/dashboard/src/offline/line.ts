/** The queue's way to the server. */
import { api, loggedOut, Refused } from "@/api/client";
import { queryClient } from "@/api/queries";

import type { Answer } from "./outcome";
import type { Line, Sendable } from "./sender";

/** On a bad line a photo takes its time; a request that hangs for ever would hold up the rest. */
const PATIENCE_MS = 45_000;
/** The slowest line over which a photo still arrives. */
const BYTES_PER_MS = 4;

const made = (response: Response): number | null => {
  const tag = /^"(\d+)"$/.exec(response.headers.get("ETag") ?? "");
  return tag ? Number(tag[1]) : null;
};

async function ask({ orderId, userId, key, work }: Sendable, version: number | null): Promise<Response> {
  const path = { order_id: orderId };
  const header = { "Idempotency-Key": key };
  // Another tab may have let somebody else in just now: the server then refuses it.
  const headers = { "Plantroom-User": String(userId), ...(version === null ? {} : { "If-Match": `"${version}"` }) };
  const signal = AbortSignal.timeout(PATIENCE_MS + (work.kind === "file" ? work.content.byteLength / BYTES_PER_MS : 0));
  switch (work.kind) {
    case "step":
      return (await api.POST("/api/v1/work-orders/{order_id}/{verb}", { params: { path: { ...path, verb: work.verb }, header }, headers, body: work.body, signal })).response;
    case "comment":
      return (await api.POST("/api/v1/work-orders/{order_id}/comments", { params: { path, header }, headers, body: work.body, signal })).response;
    case "line":
      return (await api.POST("/api/v1/work-orders/{order_id}/lines", { params: { path, header }, headers, body: work.body, signal })).response;
    case "file":
      return (await api.POST("/api/v1/work-orders/{order_id}/files", {
        params: { path, header, query: { kind: work.of, name: work.name } }, headers: { ...headers, "Content-Type": work.mediaType },
        body: work.content as never, bodySerializer: (content) => content as unknown as BodyInit, signal,
      })).response;
  }
}

export const line: Line = {
  async who() {
    try {
      const { data } = await api.GET("/api/v1/session", { signal: AbortSignal.timeout(PATIENCE_MS) });
      return data?.user_id ?? null;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) loggedOut.value = true;
      return null;
    }
  },
  async send(action, version): Promise<Answer> {
    try {
      return { ok: true, version: made(await ask(action, version)) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { ok: false, status: error.status, message: error.message };
    }
  },
  loginNeeded() { loggedOut.value = true; },
  sent({ work }) {
    void queryClient.invalidateQueries({ queryKey: ["orders"] });
    if (work.kind === "line") void queryClient.invalidateQueries({ queryKey: ["kept", "parts"] });
  },
};
