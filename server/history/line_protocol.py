"""Readings as lines of InfluxDB's protocol, which VictoriaMetrics reads too.

https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

from collections.abc import Iterable
from math import isfinite

from protocols.reading import Value
from server.history.base import Batch, LastValue
from server.history.places import PLACES, Placed
from server.history.series_tags import UNCLASSIFIED, Describe, SeriesTags

SERIES = "series_id"
"""Tag by which readings are found, whatever became of the equipment's name and class."""
LATEST = "plantroom_latest"
"""Measurement of the last values of points that have been silent for as long as readings are kept.

Its tag is not ``SERIES``, so that no query for readings finds them."""
LATEST_SERIES = "latest_of"
NUMBER, INTEGER, LITERAL, BOOLEAN, TEXT = "number", "integer", "literal", "boolean", "text"
VALUE_FIELDS = (NUMBER, INTEGER, LITERAL, BOOLEAN, TEXT)
"""``literal`` holds as text what neither number nor integer of the store can."""

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_CONTROL = dict.fromkeys(map(chr, (*range(32), 127)), r"\ ")
_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\\": "/"} | _CONTROL)
_TAG = _MEASUREMENT | str.maketrans({"=": r"\="})
STRING = str.maketrans({"\\": r"\\", '"': r"\""})


class LineWriter:
    """Makes lines; remembers how the beginnings of lines are written."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._heads: dict[int, tuple[SeriesTags, str]] = {}

    def lines(self, batch: Batch, placed: Iterable[Placed]) -> list[str]:
        """Return a line for each of these rows of the batch."""
        heads = {series: self._head(series) for series in set(batch.series)}
        return [
            f"{heads[batch.series[row]]} "
            f"{_fields(batch.values[row], batch.quality[row], batch.reason[row])} "
            f"{batch.taken_at[row] * PLACES + place}"
            for row, place in placed
        ]

    def _head(self, series_id: int) -> str:
        tags = self._describe(series_id)
        known = self._heads.get(series_id)
        if known is None or known[0] != tags:
            known = self._heads[series_id] = (tags, _head_of(series_id, tags))
        return known[1]


def latest_lines(values: Iterable[LastValue], at_ms: int) -> list[str]:
    """Return lines that keep last values for longer than their readings.

    Args:
        values: Of silent points, those of one instant in their order.
        at_ms: Under which instant they are kept, UTC ms; the newest counts.
    """
    places: dict[int, int] = {}
    lines: list[str] = []
    for one in values:
        place = places[one.series_id] = places.get(one.series_id, -1) + 1
        lines.append(
            f"{LATEST},{LATEST_SERIES}={one.series_id} "
            f"{_fields(one.value, one.quality, one.reason)},taken_at={one.taken_at}i "
            f"{at_ms * PLACES + place}"
        )
    return lines


def _head_of(series_id: int, tags: SeriesTags) -> str:
    named = [
        f",{name}={text.translate(_TAG)}"
        for name, text in sorted(tags._asdict().items())
        if name != "equipment_class" and text
    ]
    measurement = (tags.equipment_class or UNCLASSIFIED).translate(_MEASUREMENT)
    if measurement.startswith("#"):  # the line would be a comment, which is taken and forgotten
        measurement = f"_{measurement}"
    return f"{measurement}{''.join(named)},{SERIES}={series_id}"


def _fields(value: Value, quality: int, reason: str) -> str:
    said = f"quality={int(quality)}i"
    if reason:
        said += f',reason="{reason.translate(STRING)}"'
    match value:
        case None:
            return said
        case bool():
            return f"{BOOLEAN}={'true' if value else 'false'},{said}"
        case float() if isfinite(value):
            return f"{NUMBER}={value!r},{said}"
        case int() if _SMALLEST <= value <= _LARGEST:
            return f"{INTEGER}={value}i,{said}"
        case str():
            return f'{TEXT}="{value.translate(STRING)}",{said}'
        case _:
            return f'{LITERAL}="{value!r}",{said}'
