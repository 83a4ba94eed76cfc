/** What the person who is logged in may do; the server decides, this only spares buttons that it would refuse. */
import { ref } from "vue";

import type { Schemas } from "@/api/client";

export type Permission = Schemas["Permission"];

export const permissions = ref<ReadonlySet<Permission>>(new Set());

export const may = (permission: Permission): boolean => permissions.value.has(permission);
