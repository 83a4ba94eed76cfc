import { afterEach, expect, it } from "vitest";
import { createApp, h, nextTick } from "vue";

import { Refused } from "@/api/client";
import { i18n } from "@/i18n";
import { setLanguage } from "@/i18n/language";
import { offlineSince } from "@/live/feed";

import QueryState from "./QueryState.vue";

afterEach(() => { offlineSince.value = null; });

async function said(props: { loading: boolean; error: Error | null; empty?: string }): Promise<string> {
  setLanguage("en");
  const app = createApp({ render: () => h(QueryState, props) }).use(i18n);
  app.mount(document.body);
  await nextTick();
  const text = document.body.textContent;
  app.unmount();
  return text;
}

it("loads while the server is there, and says at once when it is not", async () => {
  expect(await said({ loading: true, error: null })).toContain("Loading");
  offlineSince.value = 1;
  expect(await said({ loading: true, error: null })).toContain("did not answer");
  expect(await said({ loading: false, error: null, empty: "Nothing." })).toBe("Nothing.");
});

it("says why the server refused, whatever the line does", async () => {
  offlineSince.value = 1;
  expect(await said({ loading: false, error: new Refused(403, "not yours") })).toContain("not yours");
});
