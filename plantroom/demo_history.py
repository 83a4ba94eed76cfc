"""Where the demo's readings are: in its folder, or on a server that the demo starts there."""

import re
import secrets
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from plantroom.demo_files import kept_secret
from plantroom.errors import ChildError, DemoError
from plantroom.processes import Child, free_port
from server.core.clock import Clock

BACKENDS: Final = ("embedded", "influxdb", "victoriametrics")
_ORGANISATION, _BUCKET, _TOKEN = "estate", "plantroom", "influxdb.token"
_START_S, _EVERY_S = 60.0, 0.1
_INFLUX_VERSION = re.compile(r"InfluxDB v?(\d+)\.(\d+)\S*")
_OLDEST_OF_1 = 8
"""1.8 takes the writes of 2.x."""
_VICTORIA_PROGRAMS = ("victoria-metrics", "victoria-metrics-prod")
_NO_VICTORIA = (
    "VictoriaMetrics is not installed: apt-get install victoria-metrics, or put "
    "victoria-metrics-prod of https://docs.victoriametrics.com/single-server-victoriametrics/ "
    "into the PATH"
)
_INFLUX = "put influxd 2.x into the PATH, see https://docs.influxdata.com/influxdb/v2/install/"
_INFLUX_1 = """reporting-enabled = false
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "error"
"""


class DemoHistory(NamedTuple):
    """A store that is ready."""

    settings: dict[str, Any]
    """Of a server file."""
    told: str
    """In words, for people; empty: nothing to say."""
    children: list[Child]
    """What runs for it."""


@asynccontextmanager
async def demo_history(backend: str, folder: Path, clock: Clock) -> AsyncGenerator[DemoHistory]:
    """Start what the backend needs, its data in the folder.

    Args:
        backend: One of ``BACKENDS``.
        folder: The demo's.
        clock: Measures how long a start takes.

    Raises:
        DemoError: It is not installed, is too old, or does not start.
    """
    port = free_port()
    match backend:
        case "victoriametrics":
            command, ready = _victoria(folder, port), "/health"
        case "influxdb":
            command, ready = _influx(folder, port), "/ping"
        case _:
            yield DemoHistory({}, "", [])
            return
    url = f"http://127.0.0.1:{port}"
    async with Child(backend, command, log=folder / "logs" / f"{backend}.log") as child:
        await _await(f"{url}{ready}", child, clock)
        settings: dict[str, Any] = {"kind": backend, "url": url}
        if backend == "influxdb":
            await _prepare_influx(url, kept_secret(folder / _TOKEN, _new_token))
            settings |= {"organisation": _ORGANISATION, "bucket": _BUCKET, "token_file": _TOKEN}
        yield DemoHistory({"history": {"backend": settings}}, f"{backend}, {url}", [child])


def write_influx_settings(folder: Path, port: int) -> Path:
    """Write what InfluxDB 1.x reads at its start; return where.

    Args:
        folder: Of its data; made.
        port: For HTTP, on the loopback interface.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "influxdb.conf"
    path.write_text(_INFLUX_1.format(rpc=free_port(), port=port, folder=folder.absolute()), "utf-8")
    return path


def _new_token() -> str:
    return f"demo:{secrets.token_urlsafe(24)}"


def _victoria(folder: Path, port: int) -> list[str]:
    program = next(filter(shutil.which, _VICTORIA_PROGRAMS), None)
    if program is None:
        raise DemoError(_NO_VICTORIA)
    return [
        program,
        f"-storageDataPath={folder.absolute()}/victoriametrics",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
        "-snapshotsMaxAge=1d",
        "-loggerLevel=ERROR",
    ]


def _influx(folder: Path, port: int) -> list[str]:
    """Return how the version that is installed is started; what it reads then is written."""
    if find_spec("influxdb_client") is None:
        raise DemoError("the library for InfluxDB is missing: pip install 'plantroom[influxdb]'")
    program = shutil.which("influxd")
    if program is None:
        raise DemoError(f"InfluxDB is not installed: {_INFLUX}")
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=False)  # noqa: S603 (of this machine)
    version = _INFLUX_VERSION.search(said.stdout)
    place = folder.absolute() / "influxdb"
    match version and (int(version[1]), int(version[2])):
        case (1, minor) if minor >= _OLDEST_OF_1:
            return [program, "run", "-config", str(write_influx_settings(place, port))]
        case (2, _):
            return [
                program,
                f"--bolt-path={place}/influxd.bolt",
                f"--sqlite-path={place}/influxd.sqlite",
                f"--engine-path={place}/engine",
                f"--http-bind-address=127.0.0.1:{port}",
                "--reporting-disabled",
                "--log-level=error",
            ]
        case _:
            found = version[0] if version else said.stdout.strip() or "influxd"
            raise DemoError(f"{found} is installed; the history needs 1.8 or 2.x: {_INFLUX}")


async def _prepare_influx(url: str, token: str) -> None:
    """Make the bucket."""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        version = (await client.get("/ping")).headers.get("X-Influxdb-Version", "")
        if version.lstrip("v").startswith("1."):
            query = {"q": f'CREATE DATABASE "{_BUCKET}"'}
            (await client.post("/query", params=query)).raise_for_status()
        elif (await client.get("/api/v2/setup")).json()["allowed"]:
            first = {"username": "demo", "password": token, "token": token}
            place = {"org": _ORGANISATION, "bucket": _BUCKET}
            (await client.post("/api/v2/setup", json=first | place)).raise_for_status()


async def _await(url: str, child: Child, clock: Clock) -> None:
    until = clock.monotonic_s() + _START_S
    async with httpx.AsyncClient(trust_env=False) as client:
        while clock.monotonic_s() < until and child.running:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.HTTPError:
                pass
            await clock.sleep(_EVERY_S)
    state = "does not answer" if child.running else "ended"
    raise ChildError(f"{child.name} {state}; its last output:\n{child.tail}")
