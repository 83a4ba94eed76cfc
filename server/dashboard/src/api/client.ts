/** The one way to the server: typed requests, problems as errors, idempotent changes. */
import createClient, { type Middleware } from "openapi-fetch";
import { ref } from "vue";

import type { components, paths } from "./schema.gen";

export type Schemas = components["schemas"];
export type Severity = Schemas["Severity"];

/** True as soon as the server has refused a request for want of a login. */
export const loggedOut = ref(false);

export class Refused extends Error {
  constructor(readonly status: number, message: string, readonly fields: Schemas["FieldProblem"][] = []) { super(message); }
}

const problems: Middleware = {
  async onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/api/v1/session") loggedOut.value = true;
    if (response.ok) return response;
    const body = (await response.clone().json().catch(() => ({}))) as Partial<Schemas["Problem"]>;
    throw new Refused(response.status, body.detail ?? response.statusText, body.errors ?? []);
  },
  onError() { return new Refused(0, "offline"); },
};

export const api = createClient<paths>({ baseUrl: "/", querySerializer: { array: { style: "form", explode: true } } });
api.use(problems);

/** The content of an answer; errors have been thrown before. */
export async function content<T>(asked: Promise<{ data?: T }>): Promise<T> {
  return (await asked).data as T;
}

interface Page<T> { items: T[]; next_cursor: string | null }

/** All pages of a listing, or the first `most`. */
export async function everything<T>(ask: (cursor: string | undefined) => Promise<{ data?: Page<T> }>, most = 20_000): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await content(ask(cursor));
    found.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && found.length < most);
  return found;
}

/** A header by which a repeated request does its work once. */
export function onceKey(): { "Idempotency-Key": string } {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { "Idempotency-Key": Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("") };
}

/** Log out; a session that is over already needs no end. */
export async function endSession(): Promise<void> {
  try { await api.DELETE("/api/v1/session"); } catch (error) {
    if (!(error instanceof Refused && error.status === 401)) throw error;
  }
}
