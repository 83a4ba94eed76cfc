/** What is written in the ledger of a piece of equipment. */
import { api, everything, Refused, type Schemas } from "@/api/client";
import { queryClient } from "@/api/queries";
import { i18n } from "@/i18n";
import { nameOf } from "@/i18n/language";
import { ask, type AskField } from "@/shared/ask";
import { complain } from "@/shared/say";

const t = i18n.global.t;
type Particulars = Schemas["ParticularsItem"];

/** A room as people find it. */
export const nameOfRoom = (room: Pick<Schemas["RoomItem"], "building" | "floor" | "name" | "key">): string => [...new Set([room.building, room.floor, room.name, room.key])].filter(Boolean).join(" · ");

/** The body of a change: an empty field takes away what was there. */
export function bodyOf(values: Readonly<Record<string, string>>): Schemas["ParticularsIn"] {
  const text = (name: string): string => values[name]?.trim() ?? "";
  const orNull = (name: string): string | null => text(name) || null;
  return {
    room: orNull("room"), maker: text("maker"), model: text("model"), serial_number: text("serial_number"),
    warranty_until: orNull("warranty_until"), builder: orNull("builder"), contractor: orNull("contractor"), contract_from: orNull("contract_from"), contract_until: orNull("contract_until"),
  };
}

export async function askForParticulars(unit: Schemas["EquipmentItem"], known: Particulars, people: readonly Schemas["PersonItem"][]): Promise<void> {
  const rooms = await everything((cursor) => api.GET("/api/v1/sites/{site}/rooms", { params: { path: { site: unit.site }, query: { limit: 1000, cursor } } }), 1000).catch((problem: unknown) => { complain(problem); return null; });
  if (!rooms) return;
  const none = { value: "", label: "–" };
  const contractors = [none, ...people.filter((one) => one.role === "contractor").map((one) => ({ value: one.key, label: one.name }))];
  const field = (name: string, label: string, value: string | null, more: Partial<AskField> = {}): AskField => ({ name, label, value: value ?? "", ...more });
  ask({
    title: t("ledger.edit"), about: nameOf(unit), yes: t("do.save"),
    fields: [
      field("room", t("ledger.place"), known.room?.key ?? "", { kind: "choice", choices: [none, ...rooms.map((one) => ({ value: one.key, label: nameOfRoom(one) }))] }),
      field("maker", t("ledger.maker_only"), known.maker), field("model", t("ledger.model"), known.model), field("serial_number", t("ledger.serial"), known.serial_number),
      field("warranty_until", t("ledger.warranty_until"), known.warranty_until, { kind: "date" }), field("builder", t("ledger.builder"), known.builder, { kind: "choice", choices: contractors }),
      field("contractor", t("ledger.contract"), known.contractor, { kind: "choice", choices: contractors }), field("contract_from", t("ledger.contract_from"), known.contract_from, { kind: "date" }), field("contract_until", t("ledger.contract_until"), known.contract_until, { kind: "date" }),
    ],
    act: async (values) => {
      try {
        await api.PUT("/api/v1/equipment/{equipment_id}/particulars", { params: { path: { equipment_id: unit.id } }, headers: { "If-Match": `"${known.version}"` }, body: bodyOf(values) });
      } catch (problem) {
        throw problem instanceof Refused && problem.status === 412 ? new Refused(412, t("ledger.conflict")) : problem;
      } finally {
        void queryClient.invalidateQueries({ queryKey: ["ledger"] });
        void queryClient.invalidateQueries({ queryKey: ["equipment"] });
      }
    },
  });
}

export function askToRemoveDocument(unit: Schemas["EquipmentItem"], document: Schemas["DocumentItem"]): void {
  ask({
    title: t("ledger.remove"), about: document.name, yes: t("ledger.remove"), fields: [],
    act: async () => {
      await api.DELETE("/api/v1/equipment/{equipment_id}/documents/{document_id}", { params: { path: { equipment_id: unit.id, document_id: document.id } } });
      void queryClient.invalidateQueries({ queryKey: ["ledger", "documents"] });
    },
  });
}
