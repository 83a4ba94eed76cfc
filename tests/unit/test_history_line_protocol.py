"""Lines of InfluxDB's protocol: what a reading and its names become."""

import math

import pytest

from protocols.reading import Quality, Value
from server.history.base import Batch, LastValue
from server.history.line_protocol import LineWriter, latest_lines
from server.history.places import Placed
from server.history.series_tags import SeriesTags

PUMP = SeriesTags("pump", "a", "g", "p", "t")


def line(value: Value, quality: int = Quality.GOOD, reason: str = "") -> str:
    batch = Batch()
    batch.add(7, 1000, value, quality, reason)
    (made,) = LineWriter(lambda _: PUMP).lines(batch, [Placed(0, 2)])
    head, _, rest = made.partition(" ")
    assert head == "pump,equipment=p,gateway=g,point=t,site=a,series_id=7"
    return rest


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (1.0, "number=1.0,"),
        (5e-324, "number=5e-324,"),
        (-0.0, "number=-0.0,"),
        (1, "integer=1i,"),
        (2**63 - 1, "integer=9223372036854775807i,"),
        (2**63, 'literal="9223372036854775808",'),
        (-(2**63), "integer=-9223372036854775808i,"),
        (math.nan, 'literal="nan",'),
        (-math.inf, 'literal="-inf",'),
        (True, "boolean=true,"),
        (False, "boolean=false,"),
        ("", 'text="",'),
        ('a "b" \\', 'text="a \\"b\\" \\\\",'),
        (None, ""),
    ],
)
def test_each_kind_of_value_has_its_field(value: Value, field: str) -> None:
    assert line(value) == f"{field}quality=192i 1000000002"


def test_a_reason_is_there_when_there_is_one() -> None:
    assert line(None, Quality.BAD, "timeout") == 'quality=0i,reason="timeout" 1000000002'


@pytest.mark.parametrize(
    ("name", "measurement", "tag"),
    [
        ("a b,c=d", "a\\ b\\,c=d", "a\\ b\\,c\\=d"),
        ("#1", "_#1", "#1"),
        ("a\\", "a/", "a/"),
        ("a\nb\x00", "a\\ b\\ ", "a\\ b\\ "),
        ("", "unclassified", None),
    ],
)
def test_no_name_breaks_a_line(name: str, measurement: str, tag: str | None) -> None:
    batch = Batch()
    batch.add(7, 1000, 1)
    tags = SeriesTags(name, point=name)
    (made,) = LineWriter(lambda _: tags).lines(batch, [Placed(0, 0)])
    point = "" if tag is None else f",point={tag}"
    assert made == f"{measurement}{point},series_id=7 integer=1i,quality=192i 1000000000"


def test_names_that_change_are_written_as_they_are_now() -> None:
    now = [SeriesTags("pump"), SeriesTags("fan")]
    writer = LineWriter(lambda _: now.pop(0))
    batch = Batch()
    batch.add(7, 1000, 1)
    lines = [writer.lines(batch, [Placed(0, 0)])[0].partition(",")[0] for _ in range(2)]
    assert lines == ["pump", "fan"]


def test_last_values_of_one_instant_are_kept_in_their_order() -> None:
    values = [LastValue(7, value, Quality.GOOD, 1000, "") for value in ("on", "off")]
    assert latest_lines(values, 5000) == [
        'plantroom_latest,latest_of=7 text="on",quality=192i,taken_at=1000i 5000000000',
        'plantroom_latest,latest_of=7 text="off",quality=192i,taken_at=1000i 5000000001',
    ]
