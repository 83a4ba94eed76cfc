import { createRouter, createWebHistory } from "vue-router";

export const router = createRouter({
  history: createWebHistory("/app/"),
  routes: [
    { path: "/", name: "overview", component: () => import("@/features/overview/OverviewPage.vue") },
    { path: "/alarms/:id(\\d+)?", name: "alarms", component: () => import("@/features/alarms/AlarmsPage.vue") },
    { path: "/orders/:id(\\d+)?", name: "orders", component: () => import("@/features/workorders/OrdersPage.vue") },
    { path: "/orders/:id(\\d+)/sheet", name: "sheet", component: () => import("@/features/workorders/OrderSheetPage.vue") },
    { path: "/hand-over", name: "hand-over", component: () => import("@/features/workorders/HandOverPage.vue") },
    { path: "/equipment/:id(\\d+)?", name: "equipment", component: () => import("@/features/equipment/EquipmentPage.vue") },
    { path: "/trends", name: "trends", component: () => import("@/features/trends/TrendsPage.vue") },
    { path: "/gateways", name: "gateways", component: () => import("@/features/gateways/GatewaysPage.vue") },
    { path: "/desk", name: "desk", component: () => import("@/features/requests/RequestsPage.vue") },
    { path: "/people", name: "people", component: () => import("@/features/people/PeoplePage.vue") },
    { path: "/rules/:rule?", name: "rules", component: () => import("@/features/rules/RulesPage.vue") },
    { path: "/plans/:run(\\d+)?", name: "plans", component: () => import("@/features/plans/PlansPage.vue") },
    { path: "/figures", name: "figures", component: () => import("@/features/figures/FiguresPage.vue") },
    { path: "/policies/:key?", name: "policies", component: () => import("@/features/people/PoliciesPage.vue") },
    { path: "/users/:id(\\d+)?", name: "users", component: () => import("@/features/users/UsersPage.vue") },
    { path: "/audit", name: "audit", component: () => import("@/features/audit/AuditPage.vue") },
    { path: "/account", name: "account", component: () => import("@/features/account/AccountPage.vue") },
    { path: "/:rest(.*)*", name: "gone", component: () => import("@/app/GonePage.vue") },
  ],
});
