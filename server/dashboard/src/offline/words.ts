/** What an action is called. */
import { i18n, serverWord } from "@/i18n";

import type { Work } from "./db";

export function workText(work: Work): string {
  const t = i18n.global.t;
  switch (work.kind) {
    case "step": return serverWord("verb", work.verb);
    case "comment": return `${t("do.comment")}: ${work.body.comment}`;
    case "line": return `${work.body.name} ${work.body.quantity} ${work.body.unit}`;
    case "file": return work.of === "signature" ? t("queue.signature", { name: work.name }) : `${t("queue.file")}: ${work.name}`;
  }
}
