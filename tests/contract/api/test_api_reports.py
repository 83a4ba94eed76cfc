"""Monthly figures over HTTP: each number is exactly the orders behind it."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped

MINUTE = 60_000


@pytest.fixture
def pump(api: Api) -> Tripped:
    return Tripped(api)


def walk(api: Api, order: int, *verbs: str, **body: str) -> None:
    for verb in verbs:
        answer = api.post(f"/work-orders/{order}/{verb}", body)
        assert answer.status_code == 200, answer.text


def figures(api: Api, **params: str) -> dict[str, Any]:
    report = api.get("/reports/repairs", **params)
    assert report.status_code == 200, report.text
    return {one["figure"]: one for one in report.json()["figures"]}


def listed(api: Api, address: str) -> list[Any]:
    path, _, query = address.removeprefix("/api/v1").partition("?")
    return api.get(path, **dict(parse_qsl(query))).json()["items"]


def test_an_empty_month_has_definitions_and_no_rates(api: Api, pump: Tripped) -> None:
    found = figures(api, month="2026-01")
    assert pump.asset.id
    assert {one["rate"] for name, one in found.items() if name != "in_order"} == {None}
    assert all(one["definition_zh"] and one["name_en"] for one in found.values())
    assert found["satisfied"]["target"] == 0.99


@pytest.mark.long
def test_each_number_lists_its_orders(api: Api, pump: Tripped) -> None:
    pump.fault(value=False)
    pump.fault(value=True)  # high: by appointment
    when = {"at": "2026-11-22T11:00:00Z"}
    assert api.post("/work-orders/1/appointments", when).status_code == 200
    walk(api, 1, "accept")
    api.clock.ms += 90 * MINUTE
    walk(api, 1, "arrive", "complete", "verify")
    walk(api, 1, "call-back", satisfaction="dissatisfied")
    found = figures(api, site="garden", month="2026-11")
    counts = {name: (one["met"], one["missed"], one["rate"]) for name, one in found.items()}
    assert counts == {
        "on_time": (0, 1, 0.0),
        "passed": (1, 0, 1.0),
        "called_back": (0, 0, None),
        "satisfied": (0, 1, 0.0),
        "in_order": (1, 0, 1.0),
    }
    for one in found.values():
        for part in ("met", "missed"):
            if one[f"orders_{part}"] is None:
                continue
            items = listed(api, one[f"orders_{part}"])
            assert [item["id"] for item in items] == [1] * one[part], one["figure"]


def test_equipment_is_in_order_until_a_severe_repair_is_open(api: Api, pump: Tripped) -> None:
    pump.fault(value=True)
    found = figures(api)["in_order"]
    assert (found["met"], found["missed"]) == (0, 1)
    [item] = listed(api, found["orders_missed"])
    assert item["equipment"] == "garden/gw1/pump2"
    walk(api, 1, "accept", "arrive", "complete")
    assert figures(api)["in_order"]["rate"] == 1.0


def test_a_month_or_an_estate_that_is_none_is_refused(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    assert api.get("/reports/repairs", site="nowhere").status_code == 404
    assert api.get("/reports/repairs", month="2026-13").status_code == 422
    assert api.get("/reports/repairs", month="1850-01").status_code == 422
    assert api.get("/reports/repairs/orders", figure="luck").status_code == 422
