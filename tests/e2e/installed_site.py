"""``installed_site.py page|gateway|running``: looks at a site that was installed, as its people do.

Runs on the machine of the server, with the packages that are installed there.
"""

import json
import ssl
import sys
import time
from pathlib import Path

import httpx

from tests.patience import PATIENCE_S, until

URL = "https://plantroom.example.org"
CA = "/etc/plantroom/ca/ca.crt"


def page(http: httpx.Client) -> None:
    """HTTPS with our authority, everything that is answered, and a stream that is not held back."""
    plain = httpx.get("http://plantroom.example.org/", trust_env=False)
    assert plain.headers["location"] == f"{URL}/", plain.headers
    assert http.get("/").status_code == 200
    assert http.get("/metrics").status_code == 404
    began_s = time.monotonic()
    with http.stream("GET", "/api/v1/stream", params={"topics": "clock"}) as answer:
        assert answer.status_code == 200, answer.read()
        next(answer.iter_lines())
    assert time.monotonic() - began_s < PATIENCE_S


def gateway(http: httpx.Client) -> None:
    """The gateway of the document is there, over TLS with its own certificate."""

    def there() -> bool:
        found = http.get("/api/v1/gateways").json()["items"]
        return [one["online"] for one in found] == [True]

    until(there, every_s=0.2)


def running(http: httpx.Client) -> None:
    """Every part works."""
    parts = http.get("/readyz").json()
    assert parts["ok"], parts
    assert parts["parts"]["broker"], parts


def answers(http: httpx.Client) -> bool:
    """Whether the server is up behind the proxy."""
    try:
        return http.get("/readyz").json().get("parts", {}).get("broker", False)
    except (httpx.HTTPError, json.JSONDecodeError):
        return False


def main(what: str) -> None:
    """Log in and look."""
    context = ssl.create_default_context(cafile=CA)
    with httpx.Client(base_url=URL, verify=context, trust_env=False, timeout=PATIENCE_S) as http:
        until(lambda: answers(http), every_s=0.2)
        password = Path("/etc/plantroom/admin.password").read_text().strip()
        login = http.post("/api/v1/session", json={"name": "admin", "password": password})
        assert login.status_code == 200, login.text
        {"page": page, "gateway": gateway, "running": running}[what](http)


if __name__ == "__main__":
    main(sys.argv[1])
