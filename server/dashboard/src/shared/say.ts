import { ElMessage } from "element-plus/es/components/message/index";

import { Refused } from "@/api/client";
import { i18n } from "@/i18n";

export function say(text: string): void { ElMessage({ message: text, type: "info", plain: true, duration: 4000, showClose: true }); }

/** What went wrong, in words; the caller's work has not been done. */
export function why(error: unknown): string {
  if (!(error instanceof Refused) || error.status === 0) return i18n.global.t("state.offline");
  const allowed = error.fields.flatMap((field) => field.allowed ?? []);
  return allowed.length ? `${error.message} (${allowed.join(", ")})` : error.message;
}

export function complain(error: unknown): void { ElMessage({ message: why(error), type: "error", plain: true, duration: 8000, showClose: true }); }
