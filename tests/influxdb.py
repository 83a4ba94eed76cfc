"""An InfluxDB 1.6 of the tests' own, with the write path of 2.x in front of it."""

import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from plantroom.demo_history import write_influx_settings
from plantroom.processes import free_port
from tests.http_process import HttpProcess, http_process
from tests.http_proxy import Faults, Forwarding, proxy_of


@contextmanager
def temporary_influxdb(
    port: int | None = None, folder: Path | None = None, *, program: str = "influxd"
) -> Generator[HttpProcess]:
    """Start a server, yield it, kill it; without a folder all of it is deleted."""
    with tempfile.TemporaryDirectory(prefix="plantroom-influxdb-") as name:
        place = folder or Path(name)
        port = port or free_port()
        settings = write_influx_settings(place, port)
        command = [program, "run", "-config", str(settings)]
        url = f"http://127.0.0.1:{port}"
        with http_process(command, url=url, ready="/ping", log=place / "log") as server:
            yield server


class _Shim(Forwarding):
    """``/api/v2/write?org&bucket&precision`` becomes ``/write?db``; all else goes on as it is."""

    token = ""

    def target(self) -> str:
        place = urlsplit(self.path)
        if place.path != "/api/v2/write":
            return super().target()
        asked = parse_qs(place.query)
        assert asked["org"] == ["estate"]
        assert self.headers["Authorization"].removeprefix("Token ") == self.token or not self.token
        precision = {"ns": "n"}[asked["precision"][0]]
        to = urlencode({"db": asked["bucket"][0], "precision": precision})
        return f"{self.behind}/write?{to}"


def v2_in_front_of(
    url: str, *, faults: Faults | None = None, port: int = 0, any_token: bool = False
) -> AbstractContextManager[str]:
    """Give the address of a server that takes the writes of 2.x."""
    kind = type("TokenShim", (_Shim,), {"token": "" if any_token else "secret"})
    return proxy_of(url, faults=faults, kind=kind, port=port)
