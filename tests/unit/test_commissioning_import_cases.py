"""Point tables of all kinds (tests/cases/import): each row is right, or refused and reported."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import openpyxl
import pytest
import yaml
from click.testing import CliRunner
from openpyxl.comments import Comment
from openpyxl.styles import Font

from config.load import load_classes, load_profile
from config.points import Point
from edge_agent.__main__ import cli
from edge_agent.commissioning import import_command

CASES: Final = Path(__file__).parents[1] / "cases" / "import"
Case = dict[str, Any]
_CLASSES: Final = cache(load_classes)


def _cases() -> list[Any]:
    found: list[Any] = []
    for file in sorted(CASES.glob("*.yaml")):
        text = file.read_text("utf-8")
        for name, case in cast("dict[str, Case]", yaml.load(text, yaml.CSafeLoader)).items():
            found.append(pytest.param(case, id=f"{file.stem}/{name}"))
    return found


def _table(case: Case, folder: Path) -> Path:
    if "file" in case:
        return CASES / "files" / case["file"]
    if "text" in case:
        path = folder / "table.csv"
        path.write_bytes(case["text"].encode(case.get("encoding", "utf-8")))
        return path
    path = folder / "table.xlsx"
    book = openpyxl.Workbook()
    for title, rows in case["sheets"].items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
        for area in case.get("merged", {}).get(title, []):
            page.merge_cells(area)
        for cell, shown in case.get("formats", {}).items():
            page[cell].number_format = shown
        for cell in case.get("struck", []):
            page[cell].font = Font(strike=True)
        for cell, text in case.get("comments", {}).items():
            page[cell].comment = Comment(text, "somebody")
        for row in case.get("hidden", []):
            page.row_dimensions[row].hidden = True
    del book[book.sheetnames[0]]
    book.save(path)
    return path


@pytest.fixture(autouse=True)
def _classes_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_command, "load_classes", _CLASSES)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", _cases())
def test_a_table_is_understood_or_refused(case: Case, tmp_path: Path) -> None:
    equipment = case.get("class", "heating_pump")
    arguments = ["import", str(_table(case, tmp_path)), "--profile", "p", "--class", equipment]
    options = [str(one) for one in case.get("options", [])]
    printed = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path), *options])
    written = tmp_path / "p.yaml"
    for text in case.get("told", []):
        assert text in printed.output
    if "refused" in case:
        assert printed.exit_code == 2, printed.output
        assert not list(tmp_path.glob("*.yaml"))
        for text in case["refused"]:
            assert text in printed.stderr
        return
    assert printed.exit_code == 0, printed.output
    for name, wanted in case.get("points", {}).items():
        got = _plain(load_profile(written).points[name])
        assert {key: got.get(key) for key in wanted} == wanted, printed.output
    if "rows" not in case and "devices" not in case:
        return
    devices: dict[str, dict[int, Case]] = case.get("devices") or {"p": case["rows"]}
    assert {one.stem for one in tmp_path.glob("*.yaml")} == set(devices)
    report = dict(re.findall(r"^ *(\d+)  (\S+)  ", printed.output, re.MULTILINE))
    numbers = {row for rows in devices.values() for row in rows}
    assert set(map(int, report)) == numbers, printed.output
    for profile, rows in devices.items():
        _check_rows(tmp_path / f"{profile}.yaml", rows, report, printed.output)


def _check_rows(
    written: Path, expected: dict[int, Case], report: dict[str, str], said: str
) -> None:
    points = load_profile(written).points
    for row, wanted in expected.items():
        got = _plain(points[report[str(row)]])
        name = {"name": report[str(row)]} if "name" in wanted else {}
        assert {key: (got | name).get(key) for key in wanted} == wanted, said


def _plain(point: Point) -> Case:
    return point.model_dump(mode="json", exclude_none=True) | {
        "scale": pytest.approx(point.scale, rel=1e-12),
        "enum": point.enum,
        "invalid": list(point.invalid),
        "writable": point.writable and [point.writable.minimum, point.writable.maximum],
    }
