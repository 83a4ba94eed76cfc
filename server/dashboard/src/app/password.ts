import { api } from "@/api/client";
import { i18n } from "@/i18n";
import { ask } from "@/shared/ask";
import { say } from "@/shared/say";

export function askForPassword(): void {
  const t = i18n.global.t;
  ask({
    title: t("login.change"), about: t("login.others"), yes: t("login.change"),
    fields: [
      { name: "old", label: t("login.old"), kind: "password", required: true, autocomplete: "current-password" },
      { name: "new", label: t("login.new"), kind: "password", required: true, autocomplete: "new-password" },
    ],
    act: async (values) => {
      await api.POST("/api/v1/session/password", { body: { old_password: values.old ?? "", new_password: values.new ?? "" } });
      say(t("login.changed"));
    },
  });
}
