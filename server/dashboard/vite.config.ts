import { fileURLToPath, URL } from "node:url";

import vue from "@vitejs/plugin-vue";
import { VitePWA } from "vite-plugin-pwa";
import { defineConfig } from "vitest/config";

import { iconFiles, icons } from "./icons.ts";

/** What makes it an application of the phone: the manifest, and the worker that keeps its files. */
const installable = VitePWA({
  strategies: "injectManifest",
  srcDir: "src/worker",
  filename: "sw.ts",
  injectRegister: false,
  manifest: {
    id: "/app/", name: "Plantroom", short_name: "Plantroom", description: "设备监控与工单", lang: "zh-CN",
    start_url: "/app/orders", scope: "/app/", display: "standalone", background_color: "#e9ebee", theme_color: "#f7f8f9", icons,
  },
  injectManifest: {
    globPatterns: ["index.html", "assets/*.{js,css,svg,png}"],
    dontCacheBustURLsMatching: /^assets\//,
    // The server gives the page at the addresses of its screens.
    manifestTransforms: [(entries) => ({ manifest: entries.map((one) => (one.url === "index.html" ? { ...one, url: "/app/" } : one)), warnings: [] })],
  },
});

export default defineConfig({
  plugins: [vue(), iconFiles(), installable],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: "true", __VUE_I18N_LEGACY_API__: "false", __INTLIFY_PROD_DEVTOOLS__: "false" },
  build: {
    target: "es2022",
    // What is inlined would be data: of a script or style, which the policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/readyz": "http://127.0.0.1:8080" } },
  test: { environment: "happy-dom", include: ["src/**/*.spec.ts"], pool: "threads" },
});
