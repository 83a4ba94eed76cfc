"""The files of past days are what docs/history.md says, and its examples run."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from protocols.reading import Quality
from server.history.base import Batch
from server.history.duckdb import DuckHistory
from tests.unit.test_history_duckdb import DAY, NOON

_pq: Any = pq
TEXT = (Path(__file__).parents[2] / "docs" / "history.md").read_text("utf-8")
LAYOUT = TEXT[TEXT.index("## Files of past days") : TEXT.index("## InfluxDB")]
EXAMPLES = {
    block.split()[1].partition(".")[0]: block
    for block in re.findall(r"```python\n(.*?)```", LAYOUT, re.DOTALL)
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two past days of a point that is read twice an hour."""
    history = DuckHistory(tmp_path / "data" / "history")
    batch = Batch()
    for number in range(8):
        batch.add(7, NOON + number * DAY // 4, number / 2)
        batch.add(7, NOON + number * DAY // 4 + 1, 99.0, Quality.BAD, "timeout")
        batch.add(8, NOON + number * DAY // 4, f"text {number}")
    history.append(batch)
    history.maintain(NOON + 3 * DAY)
    history.close()
    return tmp_path


def test_the_columns_are_those_of_the_table(folder: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", LAYOUT, re.MULTILINE)
    for path in (folder / "data" / "history").glob("*.parquet"):
        schema = _pq.read_schema(path)
        words = [(field.name, str(field.type).replace("bool", "boolean")) for field in schema]
        assert words == rows


@pytest.mark.long
def test_the_example_for_duckdb(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    exec(EXAMPLES["duckdb"], {})  # noqa: S102 (our own document)
    shown = capsys.readouterr().out
    assert "2024-10-04 12:00:00" in shown
    assert "99" not in shown
    duckdb.default_connection().close()


def test_the_example_for_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(EXAMPLES["pyarrow"], found)  # noqa: S102 (our own document)
    assert found["table"].num_rows == 8


def test_there_are_examples_for_all_that_people_use() -> None:
    assert set(EXAMPLES) == {"duckdb", "pyarrow", "glob", "polars"}
