"""Several points in one request: figures in columns, gaps, limits."""

from typing import Any

import pytest
from httpx2 import Response

from protocols.reading import Quality, Value
from server.api.trends import MAX_CELLS, MAX_ROWS
from server.assets.model import Equipment
from server.history.base import Batch
from tests.contract.api.conftest import NOW, Api

KEY = "garden/gw1/pump2/pressure"
MINUTE = 60_000


def ask(api: Api, *points: str, **params: str | int | list[str]) -> Response:
    return api.client.get(
        "/api/v1/trends", params={"point": list(points), **params}, headers=api.bearer()
    )


def store(api: Api, *rows: tuple[int, int, Value]) -> None:
    batch = Batch()
    for series, at, value in rows:
        batch.add(series, NOW + at, value, Quality.BAD if value is None else Quality.GOOD)
    api.history.append(batch)


def test_points_come_in_the_order_asked_for_with_gaps(api: Api, pump: Equipment) -> None:
    assert pump.id == 1
    store(
        api,
        *((2, at, float(value)) for at, value in ((-9 * MINUTE, 1), (-9 * MINUTE + 1, 3), (-1, 8))),
        (2, -5 * MINUTE, None),
        (1, -2 * MINUTE, True),
    )
    answer = ask(
        api,
        KEY,
        "1",
        **{"from": "2026-11-22T09:50:00Z", "to": "2026-11-22T10:00:00Z", "width_s": 60},
        show=["avg", "max", "last", "count", "bad_count"],
    ).json()
    pressure, fault = answer.pop("items")
    assert answer == {
        "from": "2026-11-22T09:50:00.000Z",
        "to": "2026-11-22T10:00:00.000Z",
        "start": "2026-11-22T09:50:00.000Z",
        "width_ms": MINUTE,
        "slices": 10,
    }
    assert pressure["point"]["key"] == KEY
    assert pressure["point"]["unit"] == "kPa"
    assert pressure["avg"] == [None, 2.0, *[None] * 7, 8.0]
    assert pressure["count"] == [0, 2, *[0] * 7, 1]
    assert pressure["bad_count"] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert "min" not in pressure
    assert fault["point"]["id"] == 1
    assert fault["last"][8] is True
    assert fault["max"][8] == 1
    assert set(fault["last"]) == {None, True}


def test_slices_lie_on_a_grid_that_does_not_move_with_the_range(api: Api, pump: Equipment) -> None:
    assert pump.id == 1
    hours = {"from": "2026-11-22T08:00:31Z", "to": "2026-11-22T10:00:00Z"}
    answer = ask(api, "2", **hours, slices=10).json()
    assert (answer["width_ms"], answer["slices"]) == (12 * MINUTE, 10)
    assert answer["start"] == "2026-11-22T08:00:00.000Z"
    assert answer["items"][0]["avg"] == [None] * 10
    day = ask(api, "2").json()
    assert (day["width_ms"], day["slices"]) == (3 * MINUTE, 481)


def test_raw_readings_come_in_columns(api: Api, pump: Equipment) -> None:
    assert pump.id == 1
    store(api, (2, -2000, 1.5), (2, -1000, None), (2, -1000, 2**63), (1, -5, False))
    start = {"from": "2026-11-22T09:59:50Z"}
    one, two = ask(api, "2", "1", raw="true", **start).json()["items"]
    assert one["after_ms"] == [8000, 9000, 9000]
    assert one["value"] == [1.5, None, str(2**63)]
    assert one["quality"] == ["good", "bad", "good"]
    assert "reason" not in one
    assert two["value"] == [False]
    assert ask(api, "1", raw="true", to="2026-11-01T00:00:00Z").json()["items"][0]["value"] == []


def test_reasons_are_given_where_there_are_any(api: Api, pump: Equipment) -> None:
    assert pump.id == 1
    batch = Batch()
    batch.add(2, NOW - 2, None, Quality.BAD, "timeout")
    batch.add(2, NOW - 1, 1.0)
    api.history.append(batch)
    (item,) = ask(api, "2", raw="true").json()["items"]
    assert item["reason"] == ["timeout", ""]


LONG: dict[str, Any] = {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("points", "params", "status", "field", "words"),
    [
        ([], {}, 422, "query.point", "required"),
        (["1", "x", "2", "y/z"], {}, 404, None, "no point 'x', 'y/z'; give an id or a key"),
        (["1", KEY, "2"], {}, 422, "query.point", f"'{KEY}' is named more than once"),
        (["1"] * 201, {}, 422, "query.point", "at most 200"),
        (["1"], {"slices": 5001}, 422, "query.slices", "5000"),
        (["1"], {"slices": 0}, 422, "query.slices", "greater than"),
        (["1"], {"width_s": 1}, 422, "query.width_s", "86,401 slices; at most 5,000"),
        (["1"], {"width_s": 60, "slices": 5}, 422, "query.width_s", "not both"),
        (["1"], {"show": "median"}, 422, "query.show.0", "'avg'"),
        (["1"], {"raw": "true", "slices": 5}, 422, "query.raw", "goes without"),
        (["1"], {"from": LONG["to"], "to": LONG["from"]}, 422, "query.from", "before"),
    ],
)
def test_a_wrong_request_is_explained(
    api: Api,
    pump: Equipment,
    *,
    points: list[str],
    params: dict[str, str],
    status: int,
    field: str | None,
    words: str,
) -> None:
    assert pump.id == 1
    answer = ask(api, *points, **params)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert words in body["detail"]
    assert field is None or [item["field"] for item in body["errors"]] == [field]


def test_too_much_of_everything_is_refused_with_numbers(
    api: Api, pump: Equipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pump.id == 1
    monkeypatch.setattr("server.api.trends.MAX_CELLS", 900)
    told = ask(api, "1", "2", slices=500).json()["detail"]
    assert "2 points of 481 slices are 962 together; at most 900" in told
    monkeypatch.setattr("server.api.trends.MAX_ROWS", 3)
    store(api, *((2, -at, 1.0) for at in range(1, 4)))
    assert ask(api, "1", "2", raw="true").status_code == 200
    store(api, (1, -5, True))
    told = ask(api, "1", "2", raw="true").json()["detail"]
    assert "more than 3 readings: ask for fewer points, a shorter range or slices" in told
    assert (MAX_CELLS, MAX_ROWS) == (300_000, 100_000)
