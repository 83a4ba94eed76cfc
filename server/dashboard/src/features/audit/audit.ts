/** What the audit is asked for, as an address says it; pure. */
import type { paths } from "@/api/schema.gen";
import { fromEstate, toField } from "@/shared/format";

export type AuditQuery = NonNullable<paths["/api/v1/audit"]["get"]["parameters"]["query"]>;
export type AuditFilter = "by" | "outcome" | "from" | "to" | "q";
export const FILTERS: readonly AuditFilter[] = ["q", "by", "outcome", "from", "to"];

const isInstant = (text: string): boolean => Number.isFinite(Date.parse(text));

/** The filters of an address; what is no outcome or no instant is passed over. */
export function auditQuery(read: (name: string) => string): AuditQuery {
  const outcome = read("outcome");
  return {
    ...(read("by") ? { by: read("by") } : {}),
    ...(read("q") ? { q: read("q") } : {}),
    ...(outcome === "done" || outcome === "refused" ? { outcome } : {}),
    ...(isInstant(read("from")) ? { from: read("from") } : {}),
    ...(isInstant(read("to")) ? { to: read("to") } : {}),
  };
}

/** Where the same rows are read as CSV. */
export function exportAddress(query: AuditQuery): string {
  const words = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return `/api/v1/audit/export${words.size ? `?${words.toString()}` : ""}`;
}

/** A field shows the estate's clock, the address the instant. */
export const fieldOf = (instant: string): string => (isInstant(instant) ? toField(Date.parse(instant)) : "");
export const instantOf = (field: string): string => (field ? new Date(fromEstate(field)).toISOString() : "");
