/** Acknowledging an incident: asked once, from wherever it is shown. */
import { api, onceKey, type Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { nameOf } from "@/i18n/language";

import { ask } from "./ask";
import { say } from "./say";

export function askToAcknowledge(incident: Pick<Schemas["IncidentItem"], "id" | "title_en" | "title_zh">): void {
  const t = i18n.global.t;
  const title = nameOf({ name_en: incident.title_en, name_zh: incident.title_zh });
  const headers = onceKey();
  ask({
    title: t("verb.acknowledge"), about: title, yes: t("verb.acknowledge"),
    fields: [{ name: "comment", label: t("do.comment"), kind: "long" }],
    act: async ({ comment }) => {
      await api.POST("/api/v1/incidents/{incident_id}/acknowledge", { params: { path: { incident_id: incident.id }, header: headers }, body: comment ? { comment } : {} });
      void queryClient.invalidateQueries({ queryKey: ["incidents"] });
      void queryClient.invalidateQueries({ queryKey: ["alarms"] });
      say(t("alarms.acked", { what: title }));
    },
  });
}
