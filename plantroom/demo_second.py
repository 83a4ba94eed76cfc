"""The demo's second person: cutting the power of a lift takes two."""

from http import HTTPStatus

import httpx
from pyotp.totp import TOTP

SECOND = "li"


async def second_token(client: httpx.AsyncClient, password: str) -> str:
    """Return a new API token of the second person, who is made on the first run.

    Whoever runs plans logs in with a second factor, so the person enrols one first.

    Raises:
        httpx.HTTPError: The server does not answer, or refuses.
    """
    login = {"name": SECOND, "password": password}
    made = await client.post("/api/v1/users", json={**login, "role": "operator"})
    if made.status_code == HTTPStatus.CONFLICT:
        await _without_factor(client)  # made by an earlier run that did not come so far
    else:
        made.raise_for_status()
    origin = {"Origin": str(client.base_url).rstrip("/")}
    async with httpx.AsyncClient(base_url=client.base_url, headers=origin) as other:
        (await other.post("/api/v1/session", json=login)).raise_for_status()
        await enrol(other)
        token = await other.post("/api/v1/tokens", json={"name": "demo"})
        token.raise_for_status()
    return str(token.json()["token"])


async def enrol(browser: httpx.AsyncClient) -> str:
    """Give whoever is logged in a second factor; the session has shown it. Return its secret.

    Raises:
        httpx.HTTPError: The server does not answer, or refuses.
    """
    begun = await browser.post("/api/v1/session/second-factor")
    begun.raise_for_status()
    secret = str(begun.json()["secret"])
    done = await browser.post(
        "/api/v1/session/second-factor/confirm", json={"code": TOTP(secret).now()}
    )
    done.raise_for_status()
    return secret


async def _without_factor(client: httpx.AsyncClient) -> None:
    users = await client.get("/api/v1/users", params={"limit": 500})
    users.raise_for_status()
    (user,) = (one["id"] for one in users.json()["items"] if one["name"] == SECOND)
    (await client.delete(f"/api/v1/users/{user}/second-factor")).raise_for_status()
