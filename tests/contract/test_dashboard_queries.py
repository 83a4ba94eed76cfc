"""Every query of the dashboards gives rows from the real stores, filled by our own writer."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from protocols.reading import Quality
from server.core.clock import SystemClock
from server.history.base import Batch, History
from server.history.series_tags import SeriesTags
from tests.stores import STORE_MARKS, influx_in, new_database, victoria_at
from tests.victoria import temporary_victoria

pytestmark = STORE_MARKS
BOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
POINTS = ("flow_temperature", "starts", "running", "mode")
SERIES = {
    **{number: SeriesTags("heating_pump", "green-garden", "gw", "pump-1", name)
       for number, name in enumerate((*POINTS, "connection"), start=1)},
    10: SeriesTags("gateway", "green-garden", "gw", "", "connection"),
}  # fmt: skip
SPAN_S = 3600
CHOSEN = {"site": "green-garden", "class": "heating_pump", "equipment": "pump-1"}


def fill(history: History) -> None:
    """Store an hour, ten readings bad."""
    now = SystemClock().now_ms()
    batch = Batch()
    for step in range(SPAN_S // 30):
        at = now - SPAN_S * 1000 + step * 30_000
        for series, value in zip(
            range(1, 6), (55.5, step, step % 2 == 0, "eco", True), strict=True
        ):
            batch.add(series, at, value)
        batch.add(10, at, True)  # noqa: FBT003 (a value)
        if step % 12 == 0:
            batch.add(1, at + 1, None, Quality.BAD, "timeout")
    history.append(batch)


def queries(store: str) -> Iterator[tuple[str, str]]:
    for path in sorted((BOARDS / store).glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}/{panel['title']}", target.get("expr") or target["query"]


def variables(store: str) -> Iterator[dict[str, Any]]:
    for path in sorted((BOARDS / store).glob("*.json")):
        yield from json.loads(path.read_text())["templating"]["list"]


def filled_in(query: str, more: dict[str, str]) -> str:
    """Replace variables as Grafana does: what is not chosen is all."""
    chosen = {**CHOSEN, "point": ".*", "__interval": "60s", **more}
    return re.sub(r"\$\{?(\w+)\}?", lambda one: chosen.get(one[1], one[0]), query)


def test_every_query_to_influxdb_gives_rows() -> None:
    backend = new_database()
    with closing(influx_in(backend, describe=SERIES.__getitem__)) as history:
        fill(history)

    def ask(query: str) -> list[Any]:
        answer = httpx.get(
            f"{backend.url}/query", params={"db": backend.bucket, "q": query}, trust_env=False
        )
        (result,) = answer.json()["results"]
        assert "error" not in result, (query, result)
        return result.get("series", [])

    for title, query in queries("influxdb"):
        found = ask(filled_in(query, {"timeFilter": f"time > now() - {SPAN_S}s"}))
        values = [row[1] for one in found for row in one["values"]]
        assert [value for value in values if value is not None], (title, query)
    for one in variables("influxdb"):
        assert ask(filled_in(one["definition"], {})), one


def test_every_query_to_victoriametrics_gives_rows(tmp_path: Path) -> None:
    with temporary_victoria(folder=tmp_path) as server:
        with closing(victoria_at(server.url, describe=SERIES.__getitem__)) as history:
            fill(history)
        get = asking(server.url)
        for title, query in queries("victoriametrics"):
            assert rows_of(get, filled_in(query, {})), (title, query)
        for one in variables("victoriametrics"):
            selector, label = re.fullmatch(
                r"label_values\((?:(.+), )?(\w+)\)", filled_in(one["definition"], {})
            ).groups()  # type: ignore[union-attr]
            match = {"match[]": selector} if selector else {}
            found = get(f"label/{label}/values", match)
            pattern = re.compile(one["regex"].strip("/") or "(.+)")
            words = {hit[1] for word in found if (hit := pattern.search(word))}
            expected = {"class": {"heating_pump", "gateway"}, "site": {"green-garden"}}
            assert words >= expected.get(one["name"], {"pump-1"} if one["name"] == "equipment" else
                                         set(POINTS)), one  # fmt: skip


Get = Callable[[str, dict[str, str]], Any]


def asking(url: str) -> Get:
    def get(path: str, parameters: dict[str, str]) -> Any:
        answer = httpx.get(f"{url}/api/v1/{path}", params=parameters, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    return get


def rows_of(get: Get, query: str) -> list[Any]:
    end = SystemClock().now_ms() / 1000
    span = {"start": str(end - SPAN_S), "end": str(end), "step": "60s"}
    return get("query_range", {"query": query, **span})["result"]
