"""The connection to a single-node VictoriaMetrics: imports, exports, questions, snapshots.

https://docs.victoriametrics.com/single-server-victoriametrics/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import structlog
from pydantic_core import from_json

from config.history import VictoriaBackend
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.store_http import TEXT, StoreHttp
from server.history.victoria_layout import Samples

_BYTES_AT_ONCE = 4_000_000
_FLAG = re.compile(r'^flag\{name="([^"]+)", ?value="((?:[^"\\]|\\.)*)"', re.MULTILINE)
_VERSION = re.compile(r'^vm_app_version\{.*short_version="([^"]*)"', re.MULTILINE)
_HELP = {
    401: ": history.backend.token_file holds no user:password or token that may come in",
    403: ": no authKey may be set for snapshots, /metrics and force_flush",
    404: ": is this a single-node VictoriaMetrics, and no part of a cluster?",
}
_log = structlog.get_logger()


class Figures(NamedTuple):
    """What a question says of a metric: instants of evaluation, UTC seconds, values as text."""

    labels: dict[str, str]
    values: list[tuple[float, str]]


class VictoriaConnection:
    """One server; from any thread."""

    def __init__(self, backend: VictoriaBackend, *, token: str, clock: Clock) -> None:
        self._url = backend.url.rstrip("/")
        self._errors = StoreHttp("VictoriaMetrics", self._url, clock)
        user, colon, password = token.partition(":")
        headers = {"Authorization": f"Bearer {token}"} if token and not colon else {}
        self._timeout_s = backend.timeout_s
        self._http = httpx.Client(
            headers=headers,
            auth=httpx.BasicAuth(user, password) if colon else None,
            trust_env=False,
        )
        self._left_snapshots: set[str] = set()
        self._nonces = map(f"{uuid4().hex}-{{}}".format, count())

    def write(self, lines: Sequence[str]) -> None:
        """Have lines taken over; they are durable after the next ``settle``.

        Raises:
            StoreError: Some or all are not; writing them again is harmless.
        """
        for body in _bodies(lines):
            self._call("POST", "/api/v1/import", content=body)

    def settle(self) -> None:
        """Make all that was written durable and visible, by a snapshot that is deleted at once.

        Raises:
            StoreError: It may not be durable.
        """
        said = self._json("GET", "/snapshot/create")
        name = said.get("snapshot")
        if said.get("status") != "ok" or not name:
            raise self._errors.away(f"no snapshot: {said!r}"[:TEXT])
        self._left_snapshots.add(name)
        for left in sorted(self._left_snapshots):
            try:
                self._json("GET", "/snapshot/delete", params={"snapshot": left})
            except StoreError as error:
                _log.warning("history_snapshot_left", snapshot=left, error=str(error))
                return
            self._left_snapshots.discard(left)

    def show(self) -> None:
        """Make visible what was written, durable or not.

        Raises:
            StoreError: It did not succeed.
        """
        self._call("GET", "/internal/force_flush")

    def export(self, selector: str, start_ms: int, end_ms: int) -> list[Samples]:
        """Return the samples of ``start_ms <= at < end_ms``, those of a metric in their order.

        Raises:
            StoreError: There is no whole answer now.
        """
        asked = {
            "match[]": selector,
            "start": _seconds(start_ms),
            "end": _seconds(end_ms - 1),
            **self._conditions(),
        }
        response = self._call("POST", "/api/v1/export", data=asked)
        found: list[Samples] = []
        for line in response.content.splitlines():
            one: Any = self._read(line)
            try:
                some = Samples(one["metric"], one["timestamps"], one["values"])
                is_whole = len(some.at_ms) == len(some.values)
            except (KeyError, TypeError) as error:
                raise self._errors.wrong(f"no samples: {line[:TEXT]!r}") from error
            if not is_whole:
                raise self._errors.wrong(f"no samples: {line[:TEXT]!r}")
            found.append(some)
        return found

    def ask(self, question: str, *, at_ms: int) -> list[Figures]:
        """Return the answer to a question at an instant.

        Raises:
            StoreError: There is no whole answer now.
        """
        asked = {"query": question, "time": _seconds(at_ms), "nocache": "1"}
        return self._figures("/api/v1/query", asked)

    def ask_range(
        self, question: str, *, first_ms: int, last_ms: int, step_ms: int
    ) -> list[Figures]:
        """Return the answer to a question at instants a step apart.

        Raises:
            StoreError: There is no whole answer now.
        """
        asked = {
            "query": question,
            "start": _seconds(first_ms),
            "end": _seconds(last_ms),
            "step": f"{step_ms}ms",
            "nocache": "1",  # else the instants are moved to multiples of the step
        }
        return self._figures("/api/v1/query_range", asked)

    def label_values(self, label: str, *, end_ms: int) -> list[str]:
        """Return the values of a label.

        Raises:
            StoreError: There is no whole answer now.
        """
        asked = {"start": "0", "end": _seconds(end_ms)}
        said = self._json("GET", f"/api/v1/label/{label}/values", params=asked)
        return [str(one) for one in said.get("data") or ()]

    def flags(self) -> tuple[str, dict[str, str]]:
        """Return the version and what the server was started with, by the names of flags.

        Raises:
            StoreError: It does not say.
        """
        text = self._call("GET", "/metrics").text
        version = _VERSION.search(text)
        if version is None:
            raise self._errors.wrong("what answers is no VictoriaMetrics: no vm_app_version")
        return version[1], dict(_FLAG.findall(text))

    def close(self) -> None:
        """Let go of the connections; may be repeated."""
        self._http.close()

    def _figures(self, path: str, asked: Mapping[str, str]) -> list[Figures]:
        said = self._json("POST", path, data={**asked, **self._conditions()})
        if said.get("isPartial"):
            raise self._errors.away("it gave a part of an answer")
        try:
            return [
                Figures(one["metric"], one["values"] if "values" in one else [one["value"]])
                for one in said["data"]["result"]
            ]
        except (KeyError, TypeError) as error:
            raise self._errors.wrong(f"no answer to a question: {said!r}"[:TEXT]) from error

    def _conditions(self) -> dict[str, str]:
        """Return for how long the server may work on an answer, and what makes it look anew.

        Which metrics a filter finds it remembers, for up to ten seconds after there are others. So
        each question has a filter of its own, which every metric passes.

        Raises:
            StoreError: Nobody waits for an answer any more.
        """
        return {
            "timeout": f"{round(self._errors.wait_s(self._timeout_s) * 1000)}ms",
            "extra_filters[]": f'{{asked!="{next(self._nonces)}"}}',
        }

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (httpx)
        said = self._read(self._call(method, path, **more).content)
        if not isinstance(said, dict):
            raise self._errors.wrong(f"no answer of {path}: {said!r}"[:TEXT])
        return said  # pyright: ignore[reportUnknownVariableType]

    def _read(self, text: bytes) -> Any:  # noqa: ANN401 (JSON)
        try:
            return from_json(text)
        except ValueError as error:
            raise self._errors.wrong(f"no JSON: {text[:TEXT]!r}") from error

    def _call(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 (httpx)
        """Ask unless the server wants a pause.

        Raises:
            StoreError: It did not succeed.
        """
        url = f"{self._url}{path}"
        response = self._errors.send(self._http, method, url, timeout_s=self._timeout_s, **more)
        if response.is_error:
            status = response.status_code
            raise self._errors.refused(
                status, response.headers, response.text.strip(), advice=_HELP.get(status, "")
            )
        return response


def _bodies(lines: Sequence[str]) -> Iterator[bytes]:
    """Yield lines together, as many as are sent at once."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        encoded = line.encode()
        if some and size + len(encoded) > _BYTES_AT_ONCE:
            yield b"\n".join(some)
            some, size = [], 0
        some.append(encoded)
        size += len(encoded)
    if some:
        yield b"\n".join(some)


def _seconds(at_ms: int) -> str:
    """Return an instant as exact decimal text."""
    return f"{at_ms // 1000}.{at_ms % 1000:03d}"
