import "element-plus/theme-chalk/base.css";
import "element-plus/theme-chalk/el-overlay.css";
import "element-plus/theme-chalk/el-dialog.css";
import "element-plus/theme-chalk/el-message.css";
import "./styles/tokens.css";
import "./styles/base.css";

import { VueQueryPlugin } from "@tanstack/vue-query";
import { createApp } from "vue";

import { queryClient } from "@/api/queries";
import { install } from "@/app/installed";
import { i18n } from "@/i18n";
import { readOwner } from "@/offline/owner";

import App from "./App.vue";
import { router } from "./router";

// A page of yesterday asks for files that the server of today does not have: it is loaded anew, once.
window.addEventListener("vite:preloadError", (event) => {
  event.preventDefault();
  const last = Number(sessionStorage.getItem("reloaded") ?? 0);
  if (Date.now() - last < 10_000) return;
  sessionStorage.setItem("reloaded", String(Date.now()));
  location.reload();
});

install(router);
/** Storage that says nothing may not keep anybody out. */
const PATIENCE_MS = 3000;
const patience = new Promise((done) => { setTimeout(done, PATIENCE_MS); });
// Without storage nothing is kept for where nobody answers; everything else works.
void Promise.race([readOwner().catch(() => { /* as if nobody had been here */ }), patience]).then(() => {
  createApp(App).use(i18n).use(VueQueryPlugin, { queryClient }).use(router).mount("#app");
});
