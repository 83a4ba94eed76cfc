"""The connection to InfluxDB: writes, questions, and its errors translated.

Writes go through influxdb-client, questions over ``/query``, which 1.x, 2.x and 3.x answer alike.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import structlog
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from prometheus_client import CollectorRegistry, Counter
from urllib3.exceptions import HTTPError

from config.history import InfluxBackend
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.influxql import Answer
from server.history.store_http import TEXT, StoreHttp

T = TypeVar("T")

_AT_ONCE = 5_000
"""Lines of one write, as InfluxDB recommends."""
_BYTES_AT_ONCE = 4_000_000
"""1.x takes 25 MB, proxies often less; a longer line goes alone."""
_STATEMENTS_AT_ONCE = 50
_EXPIRED = re.compile(r"(beyond|outside) retention policy")
_DROPPED = re.compile(r"dropped[= ](\d+)")
_log = structlog.get_logger()


class InfluxConnection:
    """One InfluxDB server and bucket; from any thread."""

    def __init__(
        self, backend: InfluxBackend, *, token: str, clock: Clock, metrics: CollectorRegistry
    ) -> None:
        self._url = backend.url.rstrip("/")
        self._errors = StoreHttp("InfluxDB", self._url, clock)
        self.bucket = backend.bucket
        self.database, _, self.policy = backend.bucket.partition("/")
        self._client: Any = InfluxDBClient(
            self._url, token, org=backend.organisation, timeout=round(backend.timeout_s * 1000)
        )
        self._pool: Any = self._client.api_client.rest_client.pool_manager
        self._writer: Any = self._client.write_api(write_options=SYNCHRONOUS)
        headers = {"Authorization": f"Token {token}"} if token else {}
        self._timeout_s = backend.timeout_s
        self._http = httpx.Client(headers=headers, trust_env=False)
        self._partial_writes = Counter(
            "plantroom_history_partial_writes",
            "Writes of which InfluxDB dropped some readings.",
            registry=metrics,
        )
        self._expired = Counter(
            "plantroom_history_expired_readings",
            "Readings that InfluxDB dropped because they are older than what it keeps.",
            registry=metrics,
        )

    def write(self, lines: Sequence[str]) -> None:
        """Write lines; they are durable when this returns.

        Raises:
            StoreError: Some or all are not stored; writing them again is harmless.
        """
        for start in range(0, len(lines), _AT_ONCE):
            for part in _parts(lines[start : start + _AT_ONCE]):
                self._write(part)

    def ask(self, statements: Sequence[str]) -> list[list[Answer]]:
        """Return the answers to each statement, in their order.

        Raises:
            StoreError: There is no whole answer now.
        """
        answers: list[list[Answer]] = []
        for start in range(0, len(statements), _STATEMENTS_AT_ONCE):
            some = statements[start : start + _STATEMENTS_AT_ONCE]
            said = self._query("; ".join(some))
            try:
                answers += [_answers(result) for result in said["results"]]
            except (AttributeError, KeyError, TypeError) as error:
                raise self._errors.wrong(f"no answer to a question: {said!r}"[:TEXT]) from error
        if len(answers) != len(statements):
            raise self._errors.wrong(f"{len(answers)} answers to {len(statements)} statements")
        return answers

    def version(self) -> str:
        """Return the version of the server.

        Raises:
            StoreError: Nobody answers, or it is no InfluxDB.
        """
        response = self._translated(lambda: self._send("GET", "/ping"))
        version = response.headers.get("X-Influxdb-Version", "")
        if not version:
            raise self._errors.wrong(
                "what answers is no InfluxDB: expected X-Influxdb-Version of /ping"
            )
        return version.removeprefix("v")

    def bucket_retention_s(self) -> int | None:
        """Return how long 2.x keeps the bucket's readings, seconds, 0: for ever; None: no bucket.

        Raises:
            StoreError: It does not say now.
        """
        bucket = self._bucket()
        if bucket is None:
            return None
        rules: list[Any] = bucket.retention_rules or []
        return int(rules[0].every_seconds) if rules else 0

    def set_bucket_retention(self, keep: timedelta) -> None:
        """Let 2.x keep the bucket's readings for so long.

        Raises:
            StoreError: It refuses.
        """
        bucket = self._bucket()
        if bucket is None:
            return
        bucket.retention_rules[0].every_seconds = int(keep.total_seconds())
        api = self._client.buckets_api()
        self._translated(lambda: api.update_bucket(bucket))

    def close(self) -> None:
        """Let go of the connections; may be repeated."""
        self._http.close()
        self._client.close()
        self._pool.clear()  # which its own close forgets

    def _bucket(self) -> Any:  # noqa: ANN401 (the client's types are partial)
        api = self._client.buckets_api()
        return self._translated(lambda: api.find_bucket_by_name(self.bucket))

    def _write(self, lines: bytes) -> None:
        def write() -> None:
            self._writer.write(bucket=self.bucket, record=lines)

        try:
            self._translated(write)
        except PartialWriteError as error:
            self._partial_writes.inc()
            if not _EXPIRED.search(str(error)):
                raise
            self._expired.inc(error.dropped)
            _log.warning("history_too_old", readings=error.dropped)

    def _query(self, statements: str) -> Any:  # noqa: ANN401 (JSON)
        parameters = {"db": self.database, "epoch": "ns"}
        if self.policy:
            parameters["rp"] = self.policy

        def query() -> httpx.Response:
            return self._send("POST", "/query", params=parameters, data={"q": statements})

        response = self._translated(query)
        try:
            return json.loads(response.content, parse_int=_whole)
        except ValueError as error:
            raise self._errors.wrong(f"no JSON in answer to a question: {error}") from error

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 (httpx)
        url = f"{self._url}{path}"
        return self._errors.send(self._http, method, url, timeout_s=self._timeout_s, **more)

    def _translated(self, call: Callable[[], T]) -> T:
        """Do it unless the server asked for a pause.

        Raises:
            StoreError: It did not succeed.
        """
        self._errors.respect_pause()
        try:
            result = call()
            if isinstance(result, httpx.Response) and result.is_error:
                raise self._refused(result.status_code, result.headers, result.text)
        except ApiException as error:
            refused: Any = error
            raise self._refused(
                refused.status or 0, refused.headers or {}, str(refused.body or refused)
            ) from error
        except (HTTPError, UnicodeError) as error:
            raise self._errors.away(f"{type(error).__name__}: {error}"[:TEXT]) from error
        return result

    def _refused(self, status: int, headers: Any, body: str) -> StoreError:  # noqa: ANN401
        text = _message_of(body)[:TEXT]
        if "partial write" in text:
            return PartialWriteError(f"{self._errors.about}: {text}", dropped=_dropped(text))
        return self._errors.refused(status, headers, text, advice=_HELP.get(status, ""))


def _parts(lines: Sequence[str]) -> Iterator[bytes]:
    """Yield lines together, as many as a server takes at once."""
    encoded = "\n".join(lines).encode()
    if len(encoded) <= _BYTES_AT_ONCE or len(lines) == 1:
        yield encoded
        return
    half = len(lines) // 2
    yield from _parts(lines[:half])
    yield from _parts(lines[half:])


class PartialWriteError(StoreError):
    """The server has dropped some lines of a write and stored the others."""

    def __init__(self, message: str, *, dropped: int) -> None:
        super().__init__(message)
        self.dropped = dropped


_HELP = {
    401: ": history.backend.token_file holds no token that may come in (1.x: user:password)",
    403: ": the token of history.backend.token_file may not read and write this bucket",
    404: ": is there such a bucket and organisation, and a server of 1.8 or newer?",
}


def _answers(result: Any) -> list[Answer]:  # noqa: ANN401 (JSON)
    if "error" in result:
        raise StoreError(f"InfluxDB refused a question: {result['error']}"[:TEXT])
    if result.get("partial"):
        raise StoreError("InfluxDB gave a part of an answer: its max-row-limit has to be 0")
    series: list[Any] = result.get("series", [])
    return [
        Answer(one.get("tags") or {}, one["columns"], one.get("values") or []) for one in series
    ]


def _message_of(body: str) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return body.strip()
    if isinstance(said, dict):
        known: dict[str, Any] = said  # pyright: ignore[reportUnknownVariableType]
        return str(known.get("message") or known.get("error") or body)
    return body


def _dropped(text: str) -> int:
    found = _DROPPED.search(text)
    return 1 if found is None else int(found[1])


def _whole(text: str) -> int | float:
    """JSON of a Go program writes -0.0 as -0."""
    return -0.0 if text == "-0" else int(text)
