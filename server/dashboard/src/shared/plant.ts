/** What belongs to the estate, and not to the system that watches it. */
const OWN = new Set(["gateway", "linkage"]);

export const isPlant = (unit: { equipment_class: string }): boolean => !OWN.has(unit.equipment_class);
