"""What an earlier run of the demo left open is closed, so that its story plays at each start."""

from typing import Any

import httpx

_MOST_STEPS = 12
"""A work order is walked to its end in fewer."""
_REASON = "left by an earlier run of the demo"


async def close_what_is_left(client: httpx.AsyncClient) -> int:
    """Abort plans, acknowledge incidents and alarms, end orders; return how many incidents it were.

    The alarms close when the equipment, which starts anew, says that it is well.

    Raises:
        httpx.HTTPError: The server does not answer.
    """
    for run in await _open(client, "plan-runs", state="running"):
        await client.post(f"/api/v1/plan-runs/{run['id']}/abort", json={"reason": _REASON})
    incidents = await _open(client, "incidents")
    for incident in incidents:
        await client.post(f"/api/v1/incidents/{incident['id']}/acknowledge", json={})
    for order in await _open(client, "work-orders"):
        # What a resident asked for stays: nobody has called back.
        if not order["of_resident"]:
            await _end(client, order)
    for alarm in await _open(client, "alarms"):
        if "acknowledge" in alarm["actions"]:
            body = {"comment": _REASON}
            await client.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json=body)
        if "reset" in alarm["actions"]:
            await client.post(f"/api/v1/alarms/{alarm['id']}/reset")
    return len(incidents)


async def _open(
    client: httpx.AsyncClient, what: str, *, state: str = "open"
) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/{what}", params={"state": state, "limit": 1000})
    answer.raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _end(client: httpx.AsyncClient, order: dict[str, Any]) -> None:
    """Cancel the order, or walk it on where it cannot be cancelled any more."""
    for _ in range(_MOST_STEPS):
        actions = {one["name"]: one for one in order["actions"]}
        if not actions:
            return
        name = "cancel" if "cancel" in actions else next(iter(actions))
        body = {"reason": _REASON} if name == "cancel" else {"note": _REASON}
        answer = await client.post(f"/api/v1/work-orders/{order['id']}/{name}", json=body)
        if answer.is_error:
            return
        order = answer.json()
