/** What several screens ask for; the live feed says when an answer is out of date. */
import { QueryClient, useQuery } from "@tanstack/vue-query";
import { computed, type ComputedRef, inject, type InjectionKey, type MaybeRefOrGetter, provide, toValue } from "vue";

import { may } from "@/shared/may";

import { api, content, everything, loggedOut, Refused, type Schemas } from "./client";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // A server of the house may answer whatever the browser thinks of the internet.
      networkMode: "always",
      staleTime: 30_000,
      gcTime: 120_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => !(error instanceof Refused && error.status >= 400 && error.status < 500) && count < 3,
      // The answer to another question is never shown as this one's; a list that is only filtered or zoomed asks for that by itself.
      placeholderData: undefined,
      enabled: () => !loggedOut.value,
    },
  },
});

const LIMIT = 1000;

export const useIdentity = () => useQuery({
  queryKey: ["session"], retry: false, staleTime: Infinity, enabled: true,
  queryFn: () => content(api.GET("/api/v1/session")),
});

export const useSites = () => useQuery({
  queryKey: ["sites"], staleTime: 300_000,
  queryFn: () => everything((cursor) => api.GET("/api/v1/sites", { params: { query: { limit: LIMIT, cursor } } })),
});

export const useEquipment = () => useQuery({
  queryKey: ["equipment", "all"],
  queryFn: () => everything((cursor) => api.GET("/api/v1/equipment", { params: { query: { limit: LIMIT, cursor } } })),
});

export const usePoints = () => useQuery({
  queryKey: ["equipment", "points"],
  queryFn: () => everything((cursor) => api.GET("/api/v1/points", { params: { query: { limit: LIMIT, cursor } } })),
});

export const useClasses = () => useQuery({
  queryKey: ["classes"], staleTime: Infinity,
  queryFn: () => content(api.GET("/api/v1/classes")),
});

export const useOpenAlarms = () => useQuery({
  queryKey: ["alarms", "open"], enabled: () => may("plant.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/alarms", { params: { query: { state: "open", limit: LIMIT, cursor } } })),
});

export const useOpenIncidents = () => useQuery({
  queryKey: ["incidents", "open"], enabled: () => may("plant.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/incidents", { params: { query: { state: "open", limit: LIMIT, cursor } } })),
});

export const useIncident = (id: MaybeRefOrGetter<number | null>) => useQuery({
  queryKey: ["incidents", computed(() => toValue(id))], enabled: () => toValue(id) !== null && !loggedOut.value,
  queryFn: () => content(api.GET("/api/v1/incidents/{incident_id}", { params: { path: { incident_id: toValue(id) ?? 0 } } })),
});

export const useOpenOrders = () => useQuery({
  queryKey: ["orders", "open"], enabled: () => may("orders.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/work-orders", { params: { query: { state: "open", limit: LIMIT, cursor } } })),
});

export const useRosters = () => useQuery({
  queryKey: ["people", "rosters"], staleTime: 300_000, enabled: () => may("people.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/rosters", { params: { query: { limit: LIMIT, cursor } } })),
});

export const usePersons = () => useQuery({
  queryKey: ["people", "persons"], enabled: () => may("people.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/persons", { params: { query: { limit: LIMIT, cursor } } })),
});

export const useTeams = () => useQuery({
  queryKey: ["people", "teams"], enabled: () => may("people.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/teams", { params: { query: { limit: LIMIT, cursor } } })),
});

export const useChannels = () => useQuery({
  queryKey: ["people", "channels"], enabled: () => may("channels.read") && !loggedOut.value,
  queryFn: () => everything((cursor) => api.GET("/api/v1/channels", { params: { query: { limit: LIMIT, cursor } } })),
});

export const useCoverage = () => useQuery({
  queryKey: ["people", "coverage"], refetchInterval: 60_000, enabled: () => may("duty.read") && !loggedOut.value,
  queryFn: () => content(api.GET("/api/v1/coverage")),
});

export interface Words { classOf: ComputedRef<Map<string, Schemas["EquipmentClass"]>>; lists: ComputedRef<Map<string, Schemas["CodeList"]>> }
const WORDS: InjectionKey<Words> = Symbol("words");

/** Classes by their name, and the words of their states. */
export const useWords = (): Words => inject(WORDS, makeWords, true);

/** Ask for them once for all that is below: a page may show thousands of values. */
export function provideWords(): void { provide(WORDS, makeWords()); }

function makeWords(): Words {
  const { data } = useClasses();
  return {
    classOf: computed(() => new Map(data.value?.items.map((one) => [one.class, one]))),
    lists: computed(() => new Map(data.value?.code_lists.map((one) => [one.list, one]))),
  };
}
