"""Trends for spreadsheets: no column slips, times are the estate's, nothing is a formula."""

import csv
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from httpx2 import Response

from protocols.reading import Quality, Value
from server.api import trend_export
from server.assets.model import Equipment, Point
from server.assets.state_words import StateWord
from server.history.base import Batch
from tests.contract.api.conftest import NOW, Api

MINUTE = 60_000
RANGE = {"from": "2026-11-22T09:58:00Z", "to": "2026-11-22T10:00:00Z"}
AT = datetime(2026, 11, 22, 17, 58)  # noqa: DTZ001 (as a spreadsheet shows it, in Shanghai)


def ask(api: Api, kind: str, *points: str, **params: Any) -> Response:
    return api.client.get(
        f"/api/v1/trends/{kind}",
        params={"point": list(points), "language": "en", **RANGE, **params},
        headers=api.bearer(),
    )


def in_csv(answer: Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(StringIO(answer.text.removeprefix("\ufeff"))))


def in_excel(answer: Response) -> list[list[Any]]:
    assert answer.status_code == 200, answer.text
    (sheet,) = openpyxl.load_workbook(BytesIO(answer.content)).worksheets
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.fixture
def stored(api: Api, pump: Equipment) -> Api:
    """Pressure (2) in the second minute only, and the pump's fault (1) in both."""
    assert pump.id == 1
    batch = Batch()
    rows: list[tuple[int, int, Value]] = [
        (2, -MINUTE, 4.5),
        (2, -MINUTE + 500, None),
        (1, -2 * MINUTE, True),
        (1, -MINUTE, False),
    ]
    for series, at, value in rows:
        batch.add(series, NOW + at, value, Quality.BAD if value is None else Quality.GOOD)
    api.history.append(batch)
    return api


def test_a_missing_value_is_an_empty_cell(stored: Api) -> None:
    asked: dict[str, Any] = {"width_s": 60, "show": ["min", "last"]}
    table = in_csv(ask(stored, "export", "2", "1", **asked))
    head = table[0]
    assert head[0] == "Time (Asia/Shanghai)"
    assert [one.rsplit(" ", 1)[1] for one in head[1:]] == ["min", "last", "min", "last"]
    assert "garden/gw1/pump2/pressure (kPa)" in head[1]
    assert table[1:] == [
        ["2026-11-22 17:58:00", "", "", "1", "1"],
        ["2026-11-22 17:59:00", "4.5", "4.5", "0", "0"],
    ]
    book = in_excel(ask(stored, "workbook", "2", "1", **asked))
    assert book == [
        head,
        [AT, None, None, 1, 1],
        [AT + timedelta(minutes=1), 4.5, 4.5, 0, 0],
    ]


def test_readings_of_one_instant_share_a_row_with_their_quality(stored: Api) -> None:
    table = in_csv(ask(stored, "export", "2", "1", raw=True))
    assert table[1:] == [
        ["2026-11-22 17:58:00", "", "", "1", "good"],
        ["2026-11-22 17:59:00", "4.5", "good", "0", "good"],
        ["2026-11-22 17:59:00.500", "", "bad", "", ""],
    ]
    book = in_excel(ask(stored, "workbook", "2", "1", raw=True))
    assert book[3] == [AT + timedelta(minutes=1, seconds=0.5), None, "bad", None, None]
    assert [len(row) for row in book] == [5] * 4


def test_a_state_stands_in_the_words_of_the_reader(stored: Api) -> None:
    def name(session: Any) -> None:
        session.get_one(Point, 2).words = (StateWord("auto", "Automatic", "自动"),)

    stored.records.write(name)
    batch = Batch()
    for at, value in ((-MINUTE, "auto"), (-MINUTE + 700, "manual")):
        batch.add(2, NOW + at + 100, value, Quality.GOOD)
    stored.history.append(batch)
    for language, word in (("zh", "自动"), ("en", "Automatic")):
        rows = in_csv(ask(stored, "export", "2", raw=True, language=language))[1:]
        assert [row[1] for row in rows if row[1]] == ["4.5", word, "manual"]
        book = in_excel(ask(stored, "workbook", "2", raw=True, language=language))
        assert word in [row[1] for row in book]


def test_a_name_is_no_formula(stored: Api) -> None:
    def name(session: Any) -> None:
        session.get_one(Equipment, 1).name_en = "=cmd|'/c calc'!A1"
        session.get_one(Point, 2).name_zh = "供水压力"

    stored.records.write(name)
    assert in_csv(ask(stored, "export", "2"))[0][1].startswith("'=cmd")
    (sheet,) = openpyxl.load_workbook(BytesIO(ask(stored, "workbook", "2").content)).worksheets
    assert sheet["B1"].data_type == "s"
    zh = in_csv(ask(stored, "export", "2", language="zh"))[0]
    assert zh[0] == "时间 (Asia/Shanghai)"
    assert "供水压力" in zh[1]
    assert zh[1].endswith("最小值")


def test_what_is_too_much_for_a_workbook_is_refused_and_csv_takes_it(
    stored: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trend_export, "MAX_WORKBOOK_CELLS", 9)
    refused = ask(stored, "workbook", "2", "1", raw=True)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "query.point"
    assert len(in_csv(ask(stored, "export", "2", "1", raw=True))) == 4


@pytest.mark.parametrize("kind", ["export", "workbook"])
def test_a_point_that_there_is_not_is_named(stored: Api, kind: str) -> None:
    answer = ask(stored, kind, "2", "99")
    assert answer.status_code == 404
    assert "99" in answer.text
