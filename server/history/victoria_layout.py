"""Readings as samples of VictoriaMetrics, and back; docs/history.md describes it to people.

What is not a number is in labels. A reading may be several samples of the same instant, which
differ in the end of their metric's name; a further reading of the same millisecond has the label
``place``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import itemgetter
from typing import Final, NamedTuple

from protocols.reading import Quality, Value
from server.history.base import Batch, LastValue, Row
from server.history.exact_parts import PARTS, READ, Part, parts_of, value_of
from server.history.places import Placed, PlacedRow
from server.history.series_tags import UNCLASSIFIED, Describe, SeriesTags
from server.history.silent import Kept

SERIES = "series_id"
"""Label by which readings are found, whatever became of the equipment's name and class."""
LATEST = "plantroom_latest"
"""Begins the metrics of the last values of silent points."""
LATEST_SERIES = "latest_of"
_TAKEN_AT = "taken_at"
_LABEL_CHARACTERS = 1000
"""At most 4,000 bytes; VictoriaMetrics cuts longer labels off, or drops the sample."""
_QUALITIES: Final = {str(one.value): one for one in Quality}
BESIDE: Final = frozenset((Part.NUMBER, Part.WIDE))
"""What says nothing that is not said exactly beside it."""
_ALONE: Final = frozenset((*READ, Part.TEXT, Part.NO_VALUE))
"""What says a reading by itself."""


class Samples(NamedTuple):
    """Numbers of a metric and their instants, UTC ms."""

    labels: dict[str, str]
    at_ms: Sequence[int]
    values: Sequence[float]


class LineWriter:
    """Makes lines for ``/api/v1/import``; remembers how their beginnings are written."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._heads: dict[int, tuple[SeriesTags, str, str]] = {}

    def lines(self, batch: Batch, placed: Iterable[Placed]) -> list[str]:
        """Return a line for each metric, with the samples of these rows of the batch."""
        known = {series: self._head(series) for series in set(batch.series)}
        series, values = batch.series, batch.values
        quality, reason, taken_at = batch.quality, batch.reason, batch.taken_at
        lines = _Lines()
        for row, place in placed:
            reading = (taken_at[row], values[row], quality[row], reason[row])
            lines.add(known[series[row]], place, reading)
        return lines.made()

    def _head(self, series_id: int) -> tuple[str, str]:
        tags = self._describe(series_id)
        known = self._heads.get(series_id)
        if known is None or known[0] != tags:
            kind = _escaped(tags.equipment_class or UNCLASSIFIED)
            labels = {
                name: text
                for name, text in tags._asdict().items()
                if name != "equipment_class" and text
            }
            labels[SERIES] = str(series_id)
            known = self._heads[series_id] = (tags, kind, _inner(labels))
        return known[1], known[2]


def latest_lines(values: Iterable[LastValue], at_ms: int) -> list[str]:
    """Return lines that keep last values for longer than their readings.

    Args:
        values: Of silent points, those of one instant in their order.
        at_ms: Under which instant they are kept, UTC ms; the newest counts.
    """
    places: dict[int, int] = {}
    lines = _Lines()
    for one in values:
        place = places[one.series_id] = places.get(one.series_id, -1) + 1
        labels = {LATEST_SERIES: str(one.series_id), _TAKEN_AT: str(one.taken_at)}
        row = (at_ms, one.value, one.quality, one.reason)
        lines.add((LATEST, _inner(labels)), place, row)
    return lines.made()


@dataclass(slots=True)
class _Said:
    """What the samples of one place and instant say."""

    parts: dict[Part, float] = field(default_factory=dict[Part, float])
    quality: Quality | None = None
    pieces: int = 1
    texts: dict[int, str] = field(default_factory=dict[int, str])
    reasons: dict[int, str] = field(default_factory=dict[int, str])

    def hear(self, part: Part, labels: dict[str, str], value: float) -> None:
        piece = int(labels.get("piece", 0))
        self.texts[piece] = labels.get("text", "")
        self.reasons[piece] = labels.get("reason", "")
        if part is not Part.MORE:
            self.parts[part] = value
            self.quality = _QUALITIES.get(labels.get("quality", ""))
            self.pieces = int(labels.get("pieces", 1))

    def row(self, at_ms: int) -> Row | None:
        """Return the reading; None: a part of it is missing, since its writer was stopped."""
        pieces = range(self.pieces)
        if self.quality is None or not all(piece in self.texts for piece in pieces):
            return None
        text = "".join(self.texts[piece] for piece in pieces)
        reason = "".join(self.reasons[piece] for piece in pieces)
        try:
            return Row(at_ms, value_of(self.parts, text), self.quality, reason)
        except KeyError:
            return None


@dataclass(slots=True)
class _Heard:
    """What the samples of a series and a place say, by instant."""

    whole: dict[int, Row] = field(default_factory=dict[int, Row])
    in_parts: dict[int, _Said] = field(default_factory=dict[int, _Said])
    beside: set[int] = field(default_factory=set[int])

    def hear(
        self, part: Part, labels: dict[str, str], times: Sequence[int], values: Sequence[float]
    ) -> None:
        quality = _QUALITIES.get(labels.get("quality", ""))
        if part in BESIDE:
            self.beside.update(times)
        elif part in _ALONE and quality is not None and "pieces" not in labels:
            reason = labels.get("reason", "")
            said: Iterable[Value]
            if part in READ:
                said = map(READ[part], values)
            else:
                said = repeat(labels.get("text", "") if part is Part.TEXT else None)
            self.whole |= {
                at: Row(at, value, quality, reason) for at, value in zip(times, said, strict=False)
            }
        else:
            for at, value in zip(times, values, strict=True):
                self.in_parts.setdefault(at, _Said()).hear(part, labels, value)

    def rows(self) -> dict[int, Row]:
        found = self.whole
        for at, said in self.in_parts.items():
            row = said.row(at)
            if row is not None:
                found[at] = row
        return found

    def instants(self) -> set[int]:
        return self.beside | self.in_parts.keys()


class Found(NamedTuple):
    """The readings among some samples."""

    rows: list[PlacedRow]
    """By series, instant and place."""
    halves: list[tuple[int, int, int]]
    """Series, instant and place of what was written in part only."""


def rows_of(metrics: Iterable[Samples]) -> Found:
    """Return the readings that samples say; several of the same metric and instant are one."""
    known: dict[tuple[int, int], _Heard] = {}
    for labels, times, values in metrics:
        part = part_of(labels)
        if part is not None:
            where = int(labels[SERIES]), int(labels.get("place", 0))
            known.setdefault(where, _Heard()).hear(part, labels, times, values)
    found = Found([], [])
    for series_id, some in groupby(sorted(known), key=itemgetter(0)):
        rows: list[PlacedRow] = []
        places = [place for _, place in some]
        for place in places:
            heard = known[series_id, place]
            there = heard.rows()
            rows += [PlacedRow(series_id, place, there[at]) for at in sorted(there)]
            found.halves.extend((series_id, at, place) for at in heard.instants() - there.keys())
        if len(places) > 1:
            rows.sort(key=lambda one: (one.row.taken_at, one.place))
        found.rows.extend(rows)
    return found


def kept_of(samples: Iterable[Samples]) -> dict[int, Kept]:
    """Return the last values that are kept for longer, by series: the newest that were.

    Args:
        samples: One of each metric.
    """
    newest: dict[str, int] = {}
    known = [one for one in samples if LATEST_SERIES in one.labels]
    for labels, (at_ms,), _ in known:
        series = labels[LATEST_SERIES]
        newest[series] = max(newest.get(series, at_ms), at_ms)
    of_series: dict[tuple[str, str], list[Samples]] = {}
    for one in known:
        series = one.labels[LATEST_SERIES]
        if one.at_ms[0] == newest[series]:
            labels = {**one.labels, SERIES: series}
            of_series.setdefault((series, one.labels[_TAKEN_AT]), []).append(
                one._replace(labels=labels)
            )
    kept: dict[int, Kept] = {}
    for (series, taken_at), some in of_series.items():
        values = [
            LastValue(one.series_id, one.row.value, one.row.quality, int(taken_at), one.row.reason)
            for one in rows_of(some).rows
        ]
        before = kept.get(int(series))
        if values and (before is None or before.values[-1].taken_at < int(taken_at)):
            kept[int(series)] = Kept(newest[series], values)
    return kept


def part_of(labels: dict[str, str]) -> Part | None:
    """Return which part of a reading the samples of a metric are; None: somebody else's."""
    name = labels.get("__name__", "")
    return next((part for part in PARTS if name.endswith(f"_{part}")), None)


class _Lines:
    """Samples by metric."""

    def __init__(self) -> None:
        self._samples: dict[tuple[tuple[str, str], str, Part], tuple[list[str], list[str]]] = {}
        self._beginnings: dict[tuple[int, int], str] = {}

    def add(self, head: tuple[str, str], place: int, row: tuple[int, Value, int, str]) -> None:
        at_ms, value, quality, reason = row
        more = self._beginnings.get((quality, place))
        if more is None:
            more = f',"quality":"{int(quality)}"' + (f',"place":"{place}"' if place else "")
            self._beginnings[quality, place] = more
        text = value if isinstance(value, str) else ""
        if text or reason:
            first, *rest = _pieces(text, reason)
            if rest:
                more += f',"pieces":"{1 + len(rest)}"'
                for number, said in enumerate(rest, 1):
                    self._put(head, f'{more},"piece":"{number}"{said}', Part.MORE, 1, at_ms)
            more += first
        for part, number in parts_of(value).items():
            self._put(head, more, part, number, at_ms)

    def made(self) -> list[str]:
        return [
            f'{{"metric":{{"__name__":"{kind}_{part}",{labels}{more}}},'
            f'"values":[{",".join(values)}],"timestamps":[{",".join(times)}]}}'
            for ((kind, labels), more, part), (values, times) in self._samples.items()
        ]

    def _put(self, head: tuple[str, str], more: str, part: Part, value: float, at_ms: int) -> None:
        metric = (head, more, part)
        samples = self._samples.get(metric)
        if samples is None:
            samples = self._samples[metric] = ([], [])
        samples[0].append(repr(value))
        samples[1].append(str(at_ms))


def _pieces(text: str, reason: str) -> Iterator[str]:
    """Yield labels that are short enough: text and reason, cut into as many pieces as needed."""
    size = _LABEL_CHARACTERS
    for start in range(0, max(len(text), len(reason)), size):
        labels = {"text": text[start : start + size], "reason": reason[start : start + size]}
        yield "".join(
            f',"{name}":{json.dumps(said, ensure_ascii=False)}'
            for name, said in labels.items()
            if said
        )


def _inner(labels: dict[str, str]) -> str:
    return json.dumps(labels, ensure_ascii=False)[1:-1]


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
