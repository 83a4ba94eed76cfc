/** One stream of what changes; what it says makes answers of the server out of date. */
import { computed, ref } from "vue";

import { loggedOut } from "@/api/client";
import { queryClient } from "@/api/queries";
import { may, type Permission } from "@/shared/may";

/** Topics, and what one needs for those that are about more than the plant: who asks for one that is not theirs hears nothing at all. */
const TOPICS: readonly (readonly [topic: string, needs: Permission])[] = [
  ["alarms", "plant.read"], ["incidents", "plant.read"], ["work-orders", "orders.read"], ["equipment", "plant.read"], ["messages", "messages.read"], ["plans", "plans.read"], ["commands", "plant.read"], ["clock", "events.read"],
];
export const ownTopics = (): string => TOPICS.filter(([, needs]) => may(needs)).map(([topic]) => topic).join(",");
/** The server sends its clock each 15 s; with one missed beat nobody can say that this is live. */
const SILENCE_MS = 25_000;
const AGAIN_MS = 3000;

/** What a topic makes out of date. */
const STALE: Record<string, string[]> = {
  alarms: ["alarms", "incidents", "figures"],
  incidents: ["incidents"],
  "work-orders": ["orders"],
  equipment: ["equipment", "gateways", "sites"],
  messages: ["incidents", "messages"],
  plans: ["plans"],
  commands: ["plans"],
};

export const now = ref(Date.now());
export const offlineSince = ref<number | null>(null);
export const heardAt = ref(0);
export const isLive = computed(() => offlineSince.value === null && heardAt.value > 0);

let skew = 0;
let source: EventSource | null = null;
const due = new Map<string, ReturnType<typeof setTimeout>>();

function refresh(topic: string): void {
  if (due.has(topic)) return;
  // A burst of alarms asks once; a hidden page, where nobody looks, now and then.
  const wait = document.hidden ? 4000 : 400;
  due.set(topic, setTimeout(() => {
    due.delete(topic);
    for (const key of STALE[topic] ?? []) void queryClient.invalidateQueries({ queryKey: [key] });
  }, wait));
}

function heard(): void {
  heardAt.value = Date.now();
  offlineSince.value = null;
}

function lost(): void { offlineSince.value ??= heardAt.value ? heardAt.value + skew : Date.now(); }

export function connect(): void {
  source?.close();
  const stream = new EventSource(`/api/v1/stream?topics=${ownTopics()}`);
  source = stream;
  stream.onopen = () => {
    const returned = heardAt.value > 0;
    heard();
    if (returned) void queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "classes" });
  };
  stream.onerror = () => {
    lost();
    // The browser tries again by itself unless it was refused: then the session may be over.
    if (stream.readyState === EventSource.CLOSED) {
      setTimeout(() => { if (source === stream) { void queryClient.invalidateQueries({ queryKey: ["sites"] }); if (!loggedOut.value) connect(); } }, AGAIN_MS);
    }
  };
  for (const topic of Object.keys(STALE)) stream.addEventListener(topic, () => { heard(); refresh(topic); });
  stream.addEventListener("clock", (event: MessageEvent<string>) => {
    heard();
    skew = Date.parse((JSON.parse(event.data) as { at: string }).at) - Date.now();
  });
}

export function disconnect(): void {
  source?.close();
  source = null;
  heardAt.value = 0;
  offlineSince.value = null;
}

/** Keep the clock running; returns what stops it. */
export function startClock(): () => void {
  const timer = setInterval(() => {
    now.value = Date.now() + skew;
    if (source && heardAt.value && Date.now() - heardAt.value > SILENCE_MS && offlineSince.value === null) {
      lost();
      connect();
    }
  }, 1000);
  return () => { clearInterval(timer); };
}
