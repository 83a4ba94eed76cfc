"""An InfluxDB 1.6 of the tests' own, with the write path of 2.x in front of it."""

import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from plantroom.processes import free_port

_CONFIG = """
reporting-enabled = false
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
_START_S = 30


class Influx(NamedTuple):
    """A server that runs."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def temporary_influxdb(port: int | None = None, folder: Path | None = None) -> Generator[Influx]:
    """Start a server, yield it, kill it; without a folder all of it is deleted."""
    with tempfile.TemporaryDirectory(prefix="plantroom-influxdb-") as name:
        place = folder or Path(name)
        port = port or free_port()
        settings = place / "influxdb.conf"
        settings.write_text(_CONFIG.format(rpc=free_port(), port=port, folder=place), "utf-8")
        with (place / "log").open("ab") as log:
            process = subprocess.Popen(
                ["influxd", "run", "-config", str(settings)], stdout=log, stderr=log
            )
        url = f"http://127.0.0.1:{port}"
        try:
            _await(url, process, place / "log")
            yield Influx(url, process)
        finally:
            process.kill()
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_START_S * 20):
        try:
            if httpx.get(f"{url}/ping", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            assert process.poll() is None, log.read_text("utf-8")
        time.sleep(0.05)
    raise TimeoutError(log.read_text("utf-8"))


class _Shim(BaseHTTPRequestHandler):
    """``/api/v2/write?org&bucket&precision`` becomes ``/write?db``; all else goes on as it is."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    behind = ""
    client: httpx.Client

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._forward("POST", body)

    def do_GET(self) -> None:
        self._forward("GET", b"")

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked has lost patience
            super().handle()

    def _forward(self, method: str, body: bytes) -> None:
        place = urlsplit(self.path)
        target = f"{self.behind}{self.path}"
        if place.path == "/api/v2/write":
            asked = parse_qs(place.query)
            assert asked["org"] == ["estate"]
            assert self.headers["Authorization"] == "Token secret"
            precision = {"ns": "n"}[asked["precision"][0]]
            to = urlencode({"db": asked["bucket"][0], "precision": precision})
            target = f"{self.behind}/write?{to}"
        kind = {"Content-Type": self.headers.get("Content-Type", "text/plain")}
        try:
            answer = self.client.request(method, target, content=body, headers=kind)
        except httpx.HTTPError:
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        for name in ("Content-Type", "X-Influxdb-Version"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def v2_in_front_of(url: str) -> Generator[str]:
    """Yield the address of a server that takes the writes of 2.x."""
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Shim", (_Shim,), {"behind": url, "client": client})
        ) as server,
    ):
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
