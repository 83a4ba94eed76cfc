/** Asks before something that is not written yet is left behind. */
import { onUnmounted } from "vue";
import { onBeforeRouteLeave, useRouter } from "vue-router";

import { i18n } from "@/i18n";

import { ask } from "./ask";

export function useUnsaved(isUnsaved: () => boolean, about: () => string): void {
  const router = useRouter();
  const t = i18n.global.t;
  let mayLeave = false;
  onBeforeRouteLeave((to) => {
    if (mayLeave || !isUnsaved()) return true;
    ask({ title: t("do.leave_unsaved"), about: about(), yes: t("do.leave_unsaved"), fields: [], act: async () => { mayLeave = true; await router.push(to); } });
    return false;
  });
  const onUnload = (event: BeforeUnloadEvent): void => { if (isUnsaved()) event.preventDefault(); };
  window.addEventListener("beforeunload", onUnload);
  onUnmounted(() => { window.removeEventListener("beforeunload", onUnload); });
}
