/** What several screens say of orders. */
const ARRIVED = new Set(["on_site", "in_progress", "completed", "verified", "called_back", "closed", "cancelled"]);

/** Whether the time on site runs no more: somebody has been there, or nobody need be. */
export const hasArrived = (order: { state: string }): boolean => ARRIVED.has(order.state);
