/** The application on a phone: the worker keeps its files; what a new server brings is taken with the next screen. */
import { watch } from "vue";
import type { Router } from "vue-router";

import { isLive } from "@/live/feed";

const LOOK_AGAIN_MS = 3_600_000;

export function install(router: Router): void {
  // Only where the address is secure does a browser have it: over HTTPS, and on the machine itself.
  const workers = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!workers || !import.meta.env.PROD) return;
  let known = workers.controller !== null;
  let renewed = false;
  workers.addEventListener("controllerchange", () => {
    renewed = known;
    known = true;
  });
  // What is typed on this screen stays; the next one comes from the new files.
  router.beforeEach((to, from) => {
    if (!renewed || to.path === from.path) return true;
    location.assign(router.resolve(to).href);
    return false;
  });
  let registration: ServiceWorkerRegistration | null = null;
  const find = async (): Promise<void> => {
    if (registration) await registration.update();
    else registration = await workers.register("/sw.js", { scope: "/", updateViaCache: "none" });
  };
  const look = (): void => { void find().catch(() => { /* not reached; the next look will */ }); };
  const begin = (): void => {
    look();
    watch(isLive, (live) => { if (live) look(); });
    setInterval(look, LOOK_AGAIN_MS);
  };
  const later = (): void => { setTimeout(begin, 1000); };
  if (document.readyState === "complete") later();
  else window.addEventListener("load", later, { once: true });
}
