"""A month's alarm figures over HTTP: each number is exactly the alarms behind it."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import openpyxl
import pytest

from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped
from tests.fakes.seen_queries import seen_queries

MINUTE = 60_000


@pytest.fixture
def pump(api: Api) -> Tripped:
    return Tripped(api)


def figures(api: Api, **params: str) -> dict[str, Any]:
    report = api.get("/reports/alarms", **params)
    assert report.status_code == 200, report.text
    return {one["figure"]: one for one in report.json()["figures"]}


def listed(api: Api, address: str) -> list[Any]:
    path, _, query = address.removeprefix("/api/v1").partition("?")
    return api.get(path, **dict(parse_qsl(query))).json()["items"]


@pytest.mark.long
def test_each_number_lists_what_it_counts(api: Api, pump: Tripped) -> None:
    pump.fault(value=False)
    pump.fault(value=True)
    found = figures(api, site="garden", month="2026-11")
    assert (found["announced"]["value"], found["announced"]["met"]) == (1, None)
    assert (found["peak"]["value"], found["peak"]["met"]) == (1, True)
    assert (found["severe"]["value"], found["severe"]["met"]) == (1.0, False)
    assert found["flood"]["counted"] == 0
    for one in found.values():
        items = listed(api, one["list"])
        assert len(items) == one["counted"], one["figure"]
        assert one["definition_en"]
        assert one["definition_zh"]
    (line,) = listed(api, found["severe"]["list"])
    assert (line["severity"], line["alarm"]["rule"]) == ("high", "heating_pump.fault")


def test_a_false_alarm_and_what_has_been_active_for_a_day_are_counted(
    api: Api, pump: Tripped
) -> None:
    pump.fault(value=False)
    pump.fault(value=True)
    assert figures(api)["stale"]["value"] == 0
    body = {"reason": "false_alarm"}
    assert api.post("/work-orders/1/cancel", body).status_code == 200
    api.clock.ms += 25 * 60 * MINUTE
    found = figures(api)
    assert (found["stale"]["value"], found["false"]["value"]) == (1, 1)
    assert found["false"]["met"] is False
    assert [one["alarm"]["id"] for one in listed(api, found["false"]["list"])] == [1]
    assert [one["alarm"]["id"] for one in listed(api, found["stale"]["list"])] == [1]


def test_a_month_without_alarms_has_no_shares(api: Api, pump: Tripped) -> None:
    assert pump.asset.id
    found = figures(api, month="2026-01")
    assert (found["announced"]["value"], found["severe"]["value"]) == (0, None)
    assert figures(api, month="2999-12")["load"]["value"] == 0
    assert api.get("/reports/alarms", site="nowhere").status_code == 404
    assert api.get("/reports/alarms/counted", figure="luck").status_code == 422


def test_lists_come_page_by_page(api: Api, pump: Tripped) -> None:
    for _ in range(3):
        pump.fault(value=False)
        pump.fault(value=True)
        api.clock.ms += MINUTE
    whole = figures(api)["announced"]
    first = api.get("/reports/alarms/counted", figure="announced", limit=1).json()
    assert len(first["items"]) == 1
    assert (first["next_cursor"] is None) == (whole["counted"] == 1)


@pytest.mark.parametrize(("language", "name"), [("zh", "维修指标"), ("en", "Repairs")])
def test_the_workbook_has_figures_definitions_and_orders(
    api: Api, pump: Tripped, language: str, name: str
) -> None:
    pump.fault(value=True)
    answer = api.get("/reports/workbook", language=language, month="2026-11")
    assert answer.status_code == 200, answer.text
    assert 'filename="figures-all-2026-11.xlsx"' in answer.headers["content-disposition"]
    book = openpyxl.load_workbook(BytesIO(answer.content))
    repairs, alarms, orders = book.worksheets
    assert repairs.title == name
    rows = [[cell.value for cell in row] for row in repairs.iter_rows()]
    assert len(rows) == 6
    in_order = next(row for row in rows if row[0] in {"设备完好率", "Equipment in good order"})
    assert in_order[1:5] == [0, 100, 0, 1]
    assert alarms.max_row == 11
    assert [row[2].value for row in orders.iter_rows(min_row=2)] == [1]


def test_the_workbook_reads_the_repairs_once(api: Api, pump: Tripped) -> None:
    pump.fault(value=True)
    for verb in ("accept", "arrive", "complete", "verify"):
        assert api.post(f"/work-orders/1/{verb}", {}).status_code == 200
    with seen_queries(api.records.engine) as seen:
        assert api.get("/reports/workbook").status_code == 200
    # Once for the facts of the repairs, once for the state of the equipment.
    assert sum("ORDER BY work_order_events.work_order_id" in one for one in seen) == 2
