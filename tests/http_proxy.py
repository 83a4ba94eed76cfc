"""A proxy in front of a server, which may be slow or refuse as long as a test wants."""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

_PASSED_ON = ("Content-Type", "Accept", "Authorization", "Content-Encoding")
_GIVEN_BACK = ("Content-Type", "X-Influxdb-Version")


@dataclass
class Faults:
    """What is wrong now; any thread may change it."""

    delay_s: float = 0.0
    """Each request is handed on so late."""
    refusal: int = 0
    """Status of every answer; 0: what the server says."""


class Forwarding(BaseHTTPRequestHandler):
    """Hands every request on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    behind = ""
    client: httpx.Client
    faults: Faults

    def do_POST(self) -> None:
        self._forward("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_GET(self) -> None:
        self._forward("GET", b"")

    def handle(self) -> None:
        with suppress(ConnectionError):  # whoever asked has lost patience
            super().handle()

    def target(self) -> str:
        """Return where the request goes."""
        return f"{self.behind}{self.path}"

    def _forward(self, method: str, body: bytes) -> None:
        time.sleep(self.faults.delay_s)
        if self.faults.refusal:
            self._answer(self.faults.refusal, {}, b"not now\n")
            return
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        try:
            answer = self.client.request(method, self.target(), content=body, headers=headers)
        except (httpx.HTTPError, RuntimeError):  # nobody there, or the test is over
            self.close_connection = True
            return
        kept = {name: answer.headers[name] for name in _GIVEN_BACK if name in answer.headers}
        self._answer(answer.status_code, kept, answer.content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as the base has it)
        """Say nothing."""


@contextmanager
def proxy_of(
    url: str, *, faults: Faults | None = None, kind: type[Forwarding] = Forwarding, port: int = 0
) -> Generator[str]:
    """Yield the address of a server that hands on what it is asked."""
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadingHTTPServer(
            ("127.0.0.1", port),
            type("Proxy", (kind,), {"behind": url, "client": client, "faults": faults or Faults()}),
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
