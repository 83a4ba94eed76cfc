/** Own orders with all that belongs to them, fetched before anybody asks, so that they open where nothing answers. */
import { type QueryKey, useQuery } from "@tanstack/vue-query";
import { computed, type MaybeRefOrGetter, shallowRef, toValue, watch } from "vue";

import { api, content, everything, loggedOut, type Schemas } from "@/api/client";
import { may } from "@/shared/may";

import { changeFor, type KeptOrder, store } from "./db";
import { fetchOrder, keep, keepMine } from "./keep";
import { userId } from "./owner";
import type { Walk } from "./overlay";

const LIMIT = 200;
/** What is kept is shown at once, and asked for again whatever the browser thinks of its connection. */
const ANYWAY = { networkMode: "always", placeholderData: undefined } as const;

/** Whatever becomes of it, what is shown stays; the frame says when storage fails (`storageFails`). */
const inBackground = (work: Promise<unknown>): void => { void work.catch(() => { /* said by the frame */ }); };

interface Kept<T> { key: QueryKey; name: string; staleTime: number; ask: () => Promise<T>; keep: (who: number, found: T) => Promise<unknown> }

/** A list of this browser until the server has said what is so now. */
function useKept<T>({ key, name, staleTime, ask, keep: keepIt }: Kept<T>) {
  const kept = shallowRef<T>();
  const query = useQuery({
    queryKey: key, staleTime, ...ANYWAY, enabled: () => may("orders.read") && !loggedOut.value,
    queryFn: async () => {
      const who = userId();
      const found = await ask();
      if (who !== null) inBackground(keepIt(who, found));
      return found;
    },
  });
  inBackground(store().then(async (db) => { kept.value = (await db.get("lists", name)) as T | undefined; }));
  return { ...query, known: computed(() => query.data.value ?? kept.value) };
}

export const useMyOrders = () => useKept<Schemas["OrderItem"][]>({
  key: ["orders", "mine"], name: "mine", staleTime: 30_000, keep: keepMine,
  ask: () => everything((cursor) => api.GET("/api/v1/work-orders", { params: { query: { mine: true, limit: LIMIT, cursor } } })),
});

/** A list that no event of an order changes. */
const useLasting = <T>(name: string, ask: () => Promise<T>) => useKept<T>({
  key: ["kept", name], name, staleTime: 600_000, ask, keep: (who, found) => changeFor(who, (on) => on.objectStore("lists").put(found, name)),
});
export const useWalk = () => useLasting<Walk>("walk", async () => (await content(api.GET("/api/v1/work-orders/walk"))).items);
export const useParts = () => useLasting("parts", async () => (await content(api.GET("/api/v1/work-orders/parts"))).items);

/** One order: what is kept of it at once, what the server says as soon as it does. */
export function useOrder(id: MaybeRefOrGetter<number>) {
  const kept = shallowRef<KeptOrder>();
  const show = (found: KeptOrder | null | undefined): void => { if (found?.id === toValue(id)) kept.value = found; };
  const query = useQuery({
    queryKey: ["orders", "one", computed(() => toValue(id))], ...ANYWAY,
    queryFn: async () => {
      const who = userId();
      const order = await fetchOrder(toValue(id));
      if (who !== null && may("orders.step")) inBackground(keep(who, order).then(show));
      return order;
    },
  });
  watch(() => toValue(id), (now) => { inBackground(store().then(async (db) => { show(await db.get("orders", now)); })); }, { immediate: true });
  const order = computed(() => query.data.value ?? (kept.value?.id === toValue(id) ? kept.value.order : undefined));
  /** Since when it is what it is, when the server does not say so now. */
  const asOf = computed(() => (query.isError.value || !query.data.value ? kept.value?.keptAt ?? null : null));
  return { ...query, order, asOf, thumbs: computed(() => kept.value?.thumbs ?? {}) };
}
