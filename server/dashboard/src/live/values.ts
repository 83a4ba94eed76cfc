/** Live values of some equipment, or of all: a snapshot, then changes, drawn twice a second at most. */
import { computed, onScopeDispose, shallowRef, type ShallowRef, watch } from "vue";

import type { Schemas } from "@/api/client";

import { isLive } from "./feed";

export type LiveValue = Schemas["LiveValue"];
const DRAW_MS = 500;

/** The question of a stream; null: not known yet, and nothing is opened. */
export function streamOf(equipment: readonly number[] | "all" | null): string | null {
  if (equipment === null) return null;
  const only = equipment === "all" ? [] : [...new Set(equipment)].sort((a, b) => a - b);
  return `/api/v1/stream?topics=values${only.map((id) => `&equipment=${id}`).join("")}`;
}

/** `told`: whether the snapshot has come; before that a point without a value is not yet a stale one. */
export function useLiveValues(equipment: () => readonly number[] | "all" | null): { values: ShallowRef<Map<number, LiveValue>>; told: ShallowRef<boolean> } {
  // Another map with each drawing: who is given one can tell that there is something new.
  const values = shallowRef(new Map<number, LiveValue>());
  const told = shallowRef(false);
  let known = new Map<number, LiveValue>();
  let source: EventSource | null = null;
  let drawing: ReturnType<typeof setTimeout> | null = null;

  function close(): void {
    source?.close();
    source = null;
    if (drawing) clearTimeout(drawing);
    drawing = null;
  }

  function open(address: string): void {
    source = new EventSource(address);
    source.addEventListener("values", (event: MessageEvent<string>) => {
      for (const value of (JSON.parse(event.data) as { items: LiveValue[] }).items) known.set(value.point_id, value);
      drawing ??= setTimeout(() => { drawing = null; values.value = new Map(known); told.value = true; }, told.value ? DRAW_MS : 0);
    });
  }

  // A page that nobody looks at holds no stream: it is opened anew, with a snapshot, when it is shown.
  const visible = shallowRef(!document.hidden);
  const seen = (): void => { visible.value = !document.hidden; };
  document.addEventListener("visibilitychange", seen);
  const address = computed(() => streamOf(equipment()));
  watch([address, visible, isLive], ([asked, shown, live], before) => {
    if (before[0] !== asked) { values.value = known = new Map(); told.value = false; }
    close();
    if (asked !== null && shown && live) open(asked);
  }, { immediate: true });
  onScopeDispose(() => { close(); document.removeEventListener("visibilitychange", seen); });
  return { values, told };
}
