"""InfluxDB and VictoriaMetrics asked by themselves what ``make bench-history`` asks Plantroom.

Minimum, mean and maximum of the plain numbers, as a panel of Grafana asks for them; readings with
their quality.
"""

from collections.abc import Sequence
from typing import Protocol

import httpx

_TIMEOUT_S = 120.0


class Peer(Protocol):
    """A store that answers by itself; each answer as it comes over HTTP."""

    def slices(self, series: Sequence[int], start_ms: int, end_ms: int, width_ms: int) -> bytes:
        """Return minimum, mean and maximum by slices."""
        ...

    def readings(self, series: int, start_ms: int, end_ms: int) -> bytes:
        """Return every reading."""
        ...


class InfluxPeer:
    """InfluxQL over ``/query``."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def slices(self, series: Sequence[int], start_ms: int, end_ms: int, width_ms: int) -> bytes:
        """Return minimum, mean and maximum by slices."""
        return self._ask(
            "SELECT min(number), mean(number), max(number) FROM /.+/ "  # noqa: S608
            f"WHERE {_of(series)} AND {_between(start_ms, end_ms)} AND quality = 192 "
            f"GROUP BY time({width_ms}ms), series_id fill(none)"
        )

    def readings(self, series: int, start_ms: int, end_ms: int) -> bytes:
        """Return every reading."""
        return self._ask(
            f"SELECT number, quality FROM /.+/ WHERE {_of([series])} "  # noqa: S608
            f"AND {_between(start_ms, end_ms)}"
        )

    def _ask(self, statement: str) -> bytes:
        parameters = {"db": "plantroom", "epoch": "ms"}
        answer = self._http.post("/query", params=parameters, data={"q": statement})
        assert answer.is_success, answer.text[:300]
        assert b'"values"' in answer.content, answer.text[:300]
        return answer.content


class VictoriaPeer:
    """``query_range`` and ``export``."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def slices(self, series: Sequence[int], start_ms: int, end_ms: int, width_ms: int) -> bytes:
        """Return minimum, mean and maximum by slices."""
        rollups = '"min_over_time","avg_over_time","max_over_time"'
        some = "|".join(map(str, series))
        labels = f'{{__name__=~".*_number",series_id=~"{some}",quality="192"}}'
        return self._ask(
            "/api/v1/query_range",
            {
                "query": f"aggr_over_time(({rollups}), {labels}[{width_ms}ms])",
                "start": str((start_ms + width_ms) / 1000),
                "end": str(end_ms / 1000),
                "step": f"{width_ms}ms",
                "nocache": "1",
            },
        )

    def readings(self, series: int, start_ms: int, end_ms: int) -> bytes:
        """Return every reading."""
        return self._ask(
            "/api/v1/export",
            {
                "match[]": f'{{__name__=~".*_number",series_id="{series}"}}',
                "start": str(start_ms / 1000),
                "end": str(end_ms / 1000),
            },
        )

    def _ask(self, path: str, parameters: dict[str, str]) -> bytes:
        answer = self._http.post(path, data=parameters)
        assert answer.is_success, answer.text[:300]
        assert b'"values"' in answer.content, answer.text[:300]
        return answer.content


def _of(series: Sequence[int]) -> str:
    if len(series) == 1:
        return f"series_id = '{series[0]}'"
    return f"series_id =~ /^({'|'.join(map(str, series))})$/"


def _between(start_ms: int, end_ms: int) -> str:
    return f"time >= {start_ms}ms AND time < {end_ms}ms"
