/** One short tone per new urgent incident, again each minute until somebody acknowledges it, and while nobody hears the server. */
import { ref } from "vue";

const REPEAT_MS = 60_000;
/** So long nothing is heard before it is no restart: what is wrong since then shows nowhere. */
const LOST_MS = 30_000;
/** Stands for the server among the incidents, whose numbers begin with one. */
const SERVER = 0;
const TOLD = "told";

export const soundOn = ref(localStorage.getItem("sound") !== "off");
/** True while the browser lets nothing be heard before somebody clicks. */
export const soundBlocked = ref(false);

let context: AudioContext | null = null;

async function ready(): Promise<AudioContext | null> {
  if (!("AudioContext" in window)) { soundBlocked.value = true; return null; }
  context ??= new AudioContext();
  if (context.state === "suspended") await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 300))]);
  soundBlocked.value = context.state !== "running";
  return soundBlocked.value ? null : context;
}

/** Find out whether the browser lets anything be heard, before there is something to tell. */
export async function tryOut(): Promise<void> { await ready(); }

export async function tone(): Promise<boolean> {
  const use = await ready();
  if (!use) return false;
  const volume = use.createGain();
  volume.connect(use.destination);
  volume.gain.setValueAtTime(0.15, use.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, use.currentTime + 0.7);
  for (const [hertz, after] of [[660, 0], [880, 0.18]] as const) {
    const voice = use.createOscillator();
    voice.frequency.value = hertz;
    voice.connect(volume);
    voice.start(use.currentTime + after);
    voice.stop(use.currentTime + after + 0.35);
  }
  return true;
}

export function setSound(on: boolean): void {
  soundOn.value = on;
  localStorage.setItem("sound", on ? "on" : "off");
}

/** What somebody has to look after: urgent incidents, and the line to the server once it is lost. */
export function unheeded(urgent: readonly number[], offlineSince: number | null, at: number): number[] {
  return offlineSince !== null && at - offlineSince >= LOST_MS ? [...urgent, SERVER] : [...urgent];
}

/** Which incidents are due to be heard now; what is no longer there is forgotten. */
export function dueTones(ids: readonly number[], at: number, told: Map<number, number>): number[] {
  for (const id of told.keys()) if (!ids.includes(id)) told.delete(id);
  const due = ids.filter((id) => at - (told.get(id) ?? -Infinity) >= REPEAT_MS);
  for (const id of due) told.set(id, at);
  return due;
}

/** Sound what is due. What was heard is kept for all pages of this browser: neither a visit nor a second tab repeats it, and what was blocked was not heard. */
export async function soundDue(ids: readonly number[], at: number, play: () => Promise<boolean> = tone): Promise<void> {
  const told = new Map(JSON.parse(localStorage.getItem(TOLD) ?? "[]") as [number, number][]);
  if (dueTones(ids, at, told).length && await play()) localStorage.setItem(TOLD, JSON.stringify([...told]));
}
