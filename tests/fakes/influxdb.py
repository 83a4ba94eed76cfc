"""Something that answers as an InfluxDB does, or as one that is in trouble."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit


@dataclass
class FakeInflux:
    """What it answers, and what it was asked."""

    version: str = "2.7.4"
    write: tuple[int, dict[str, str], str] = (204, {}, "")
    everything: tuple[int, dict[str, str], str] | None = None
    """In answer to whatever it is asked."""
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    buckets: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    delay_s: float = 0
    raw_answer: str | None = None
    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    bodies: list[str] = field(default_factory=list[str])
    authorization: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    fake: FakeInflux

    def _answer(self) -> None:
        fake = self.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = urlsplit(self.path).path
        fake.asked.append(f"{self.command} {path}")
        fake.bodies.append(body)
        fake.authorization = self.headers.get("Authorization", "")
        time.sleep(fake.delay_s)
        status, headers, said = 200, {}, ""
        if path == "/api/v2/write":
            status, headers, said = fake.write
        elif path == "/query":
            statements = body.count("%3B") + 1
            results = fake.results or [{"statement_id": at} for at in range(statements)]
            said = fake.raw_answer or json.dumps({"results": results})
        elif path.startswith("/api/v2/buckets"):
            said = json.dumps({"buckets": fake.buckets})
            if self.command == "PATCH":
                fake.buckets[0] |= json.loads(body)
                said = json.dumps(fake.buckets[0])
        if fake.everything is not None:
            status, headers, said = fake.everything
        self.send_response(status)
        if fake.version:
            self.send_header("X-Influxdb-Version", fake.version)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def fake_influxdb() -> Generator[FakeInflux]:
    """Yield one that listens on a free loopback port."""
    fake = FakeInflux()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("H", (_Handler,), {"fake": fake})) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
