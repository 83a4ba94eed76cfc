"""What every store behind HTTP has to expect: silence, refusals, requests for a pause."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from server.core.clock import Clock
from server.core.errors import StoreAwayError, StoreError
from server.history.patience import rest_s

_BUSY = (429, 503)
_PASSING = (408, 425, 429)
"""Refusals that say nothing of what was asked; so do all from 500 on."""
_LONGEST_WAIT_S = 600.0
_LONGEST_ANSWER = 6
"""Times the longest silence: so long may an answer come in drops that nobody else waits for."""
_MOST_BYTES = 64_000_000
"""Of an answer, which is kept whole: two million readings or so."""
_OF_THE_WAY = ("content-encoding", "content-length", "transfer-encoding")
TEXT = 300
"""Characters of a foreign message that are told."""


class StoreHttp:
    """Remembers for how long a server wants to be left alone, and says what went wrong."""

    def __init__(self, name: str, url: str, clock: Clock) -> None:
        self.about = f"{name} {url}"
        self._clock = clock
        self._not_before_s = 0.0

    def respect_pause(self) -> None:
        """Do nothing unless the server asked for a pause that is not over.

        Raises:
            StoreAwayError: It did.
        """
        rest_s = self._not_before_s - self._clock.monotonic_s()
        if rest_s > 0:
            raise self.away(f"it asked for a pause, {rest_s:.1f} s of which are left")

    def wait_s(self, timeout_s: float) -> float:
        """Return for how long an answer that begins within ``timeout_s`` may take.

        Raises:
            StoreError: Nobody waits for it any more.
        """
        return min(_LONGEST_ANSWER * timeout_s, rest_s())

    def send(
        self,
        http: httpx.Client,
        method: str,
        url: str,
        *,
        timeout_s: float,
        **more: Any,  # noqa: ANN401 (httpx)
    ) -> httpx.Response:
        """Ask unless the server wants a pause; return the whole answer, a refusal too.

        Args:
            http: Sends.
            method: Of HTTP.
            url: Where.
            timeout_s: Longest silence.
            more: As for httpx.

        Raises:
            StoreAwayError: There is no whole answer.
            StoreError: Nobody waits for it any more, or it is larger than this server keeps.
        """
        self.respect_pause()
        wait_s = self.wait_s(timeout_s)
        until_s = self._clock.monotonic_s() + wait_s
        parts: list[bytes] = []
        size = 0
        try:
            with http.stream(method, url, timeout=min(timeout_s, wait_s), **more) as said:
                for part in said.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > _MOST_BYTES:
                        raise self.wrong(
                            f"an answer of more than {_MOST_BYTES:,} bytes: ask for a shorter range"
                        )
                    if self._clock.monotonic_s() > until_s:
                        raise httpx.ReadTimeout(f"no whole answer within {wait_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            rest_s()
            raise self.away(f"{type(error).__name__}: {error}"[:TEXT]) from error
        headers = [one for one in said.headers.multi_items() if one[0] not in _OF_THE_WAY]
        return httpx.Response(said.status_code, headers=headers, content=b"".join(parts))

    def refused(
        self, status: int, headers: Mapping[str, str], text: str, *, advice: str = ""
    ) -> StoreError:
        """Return the error of an answer that is a refusal.

        Args:
            status: Of HTTP; 0: there was none.
            headers: Of the answer; ``Retry-After`` of 429 and 503 is respected, ten minutes at
                most.
            text: What the server said.
            advice: What to do about it.
        """
        if status in _BUSY:
            self._not_before_s = self._clock.monotonic_s() + self._pause_s(headers)
        said = f"{status} {text[:TEXT]}{advice}"
        if status in _PASSING or status >= 500 or status == 0:  # noqa: PLR2004 (of HTTP)
            return self.away(said)
        return self.wrong(said)

    def away(self, why: str) -> StoreAwayError:
        """Return the error that the server does not answer, or not now."""
        return StoreAwayError(f"{self.about}: {why}")

    def wrong(self, why: str) -> StoreError:
        """Return the error that the server does not do what it should."""
        return StoreError(f"{self.about}: {why}")

    def _pause_s(self, headers: Mapping[str, str]) -> float:
        said = str(headers.get("Retry-After") or "0").strip()
        if said.isascii() and said.isdigit():
            pause_s = float(said)
        else:
            try:
                until_s = parsedate_to_datetime(said).timestamp()
            except (ValueError, OverflowError):
                return 0.0
            pause_s = until_s - self._clock.now_ms() / 1000
        return min(max(pause_s, 0.0), _LONGEST_WAIT_S)
