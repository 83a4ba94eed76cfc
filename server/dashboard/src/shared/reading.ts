/** How a last value is told: in words with its unit, and what is doubtful about it. */
import type { Schemas } from "@/api/client";
import { useWords } from "@/api/queries";
import { i18n, serverWord } from "@/i18n";
import { wordOf } from "@/i18n/language";

import { type Plain, valueText } from "./format";
import { type StateWords, wordFor } from "./words";

/** undefined: not asked yet; null: the server has none. */
type Live = Schemas["LiveValue"] | null | undefined;

/** Empty when the value is good, or not known yet. */
export function doubtOf(live: Live): string {
  if (live === undefined || live?.quality === "good") return "";
  const quality = serverWord("quality", live?.quality ?? "stale");
  return live?.reason ? `${quality}: ${serverWord("reason", live.reason)}` : quality;
}

/** What is shown of a point: its unit, and the words of its states. */
export type Shown = Pick<Schemas["PointItem"], "unit" | "words">;

/** A value in words: those of the point come before those of its class. */
export function pointText(value: Plain, point: Shown | undefined, ofClass?: StateWords): string {
  const word = wordFor(value, point?.words) ?? wordFor(value, ofClass);
  return word ? wordOf(word) : valueText(value, point?.unit ?? "", [i18n.global.t("do.yes"), i18n.global.t("do.no")]);
}

export function useReading(): { text: (live: Live, point: Shown, kind: Schemas["ClassPoint"] | undefined) => string } {
  const { lists } = useWords();
  return { text: (live, point, kind) => pointText(live?.value as Plain, point, kind?.words ? lists.value.get(kind.words)?.words : undefined) };
}
