"""Waiting until a page stands still, and asking axe about it."""

from typing import Any

from playwright.sync_api import Page

COUNT_REQUESTS = """
window.asked = 0;
const ask = window.fetch;
window.fetch = (...what) => {
  window.asked += 1;
  return ask(...what).finally(() => { window.asked -= 1; });
};
"""
"""For the beginning of a page: how many of its requests have no answer yet."""

# What never ends, like the pulse of an urgent alarm, is waited for by nobody.
_STILL = """() => {
  const fades = document.getAnimations().some(
    (one) => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity);
  const busy = fades || window.asked > 0 || document.querySelector('[aria-busy="true"]');
  window.stillFor = busy ? 0 : (window.stillFor ?? 0) + 1;
  return window.stillFor > 5;
}"""


def settled(page: Page) -> None:
    """Wait until nothing is asked, drawn or fading for some frames."""
    page.locator("h1:visible").first.wait_for()
    page.evaluate("window.stillFor = 0")
    page.wait_for_function(_STILL)


def serious(page: Page, axe: str) -> list[str]:
    """Return what axe finds that keeps somebody from using the page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    result: dict[str, Any] = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in result["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
