/** The service worker: keeps the files of the application, so that it opens where nothing answers.

What the server says of the plant passes it by; what a phone keeps of that is in `@/offline`. */
import { clientsClaim } from "workbox-core";
import { cleanupOutdatedCaches, matchPrecache, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope;

const PAGE = "/app/";
const PATIENCE_MS = 4000;

/** The page of the server of today; the kept one when it does not answer in time. */
async function page({ request }: { request: Request }): Promise<Response> {
  const kept = await matchPrecache(PAGE);
  const asked = fetch(request).then((answer) => (answer.ok || !kept ? answer : kept));
  if (!kept) return asked;
  const late = new Promise<Response>((done) => { setTimeout(() => { done(kept); }, PATIENCE_MS); });
  return Promise.race([asked.catch(() => kept), late]);
}

void self.skipWaiting();
clientsClaim();
cleanupOutdatedCaches();
registerRoute(new NavigationRoute(page, { allowlist: [/^\/$/, /^\/app(\/|$)/] }));
precacheAndRoute(self.__WB_MANIFEST, { cleanURLs: false, directoryIndex: "" });
