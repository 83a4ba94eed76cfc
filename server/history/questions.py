"""Questions to the embedded history: where the rows of an answer lie, and the SQL for them.

A question is answered from roll-ups as far as its slices begin on hours or minutes, from the
readings themselves at both ends of its range and wherever there is no roll-up. What is read is
disjoint, so the parts of a slice only have to be added up. What is found empty while planning is
not asked again: past days are mostly in one place, in which everything lies in order and once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from server.history.columns import COLUMNS
from server.history.files import quoted
from server.history.ordered import HOT_ROWS, ORDERED_ROWS
from server.history.rollups import (
    FIGURES,
    FIGURES_OF_ONE,
    SEALED,
    SUMMED,
    among,
    parts,
    place,
    with_places,
)
from server.history.sealed_rollups import SealedRollups
from server.history.slices import DAY_MS, HOUR_MS, Slices

_FILE_ROWS = f"SELECT {COLUMNS}, {place(SEALED, 'file_row_number')} AS place"
_NO_ROWS = f"{HOT_ROWS} WHERE false"


Span = tuple[int, int]
"""``start <= taken_at < end``, UTC ms."""


@dataclass(slots=True)
class Plan:
    """The parts of one question's source, and the files that they are in."""

    rows: list[str] = field(default_factory=list[str])
    """Queries of readings."""
    rolled: list[str] = field(default_factory=list[str])
    """Queries of roll-ups."""
    files: list[str] = field(default_factory=list[str])
    minutes: list[str] = field(default_factory=list[str])
    in_order: bool = False
    """The readings come in the order of series and time by themselves."""
    one_each: bool = False
    """There is one part for each slice of a series, and nothing else."""


class Planner:
    """Plans one question, in one transaction."""

    def __init__(
        self,
        cursor: Any,  # noqa: ANN401 (cursor)
        rollups: SealedRollups,
        folder: Path,
        series: Sequence[int],
    ) -> None:
        self._cursor = cursor
        self._rollups = rollups
        self._folder = folder
        self._series = series
        self._plan = Plan()

    def readings(self, start_ms: int, end_ms: int) -> Plan:
        """Plan to read every reading of a range."""
        span = (start_ms, end_ms)
        files = [one.file for one in self._days(*span) if one.file]
        self._read(files, [span])
        self._add_open("ordered", ORDERED_ROWS, [span])
        self._add_open("hot", HOT_ROWS, [span])
        one_by_one = len(files) <= 1 or len(self._series) == 1
        self._plan.in_order = bool(files) and len(self._plan.rows) == 1 and one_by_one
        return self._plan

    def summaries(self, slices: Slices) -> Plan:
        """Plan to read what the slices are made of."""
        start, end, unit = slices.start_ms, slices.end_ms, slices.unit_ms
        inner = (-(-start // unit) * unit, end // unit * unit) if unit else (0, 0)
        if inner[0] >= inner[1]:
            return self.readings(start, end)
        days = self._days(start, end)
        ends = [one for one in ((start, inner[0]), (inner[1], end)) if one[0] < one[1]]
        self._read([one.file for one in days if one.is_rolled and one.touches(ends)], ends)
        self._read([one.file for one in days if one.file and not one.is_rolled], [(start, end)])
        self._add_open("ordered", ORDERED_ROWS, ends)
        self._add_open("hot", HOT_ROWS, [(start, end)])
        if unit == HOUR_MS:
            stale = [one.day for one in days if one.is_stale]
            self._plan.rolled.append(self._parts_of("hours", inner, stale=stale))
        else:
            self._by_minute([one for one in days if one.is_rolled], inner)
            self._add_open("ordered", ORDERED_ROWS, [inner], which="NOT by_minute")
            files = len(self._plan.rolled)
            if self._holds("minutes", "since", [inner]):
                self._plan.rolled.append(self._parts_of("minutes", inner))
            once = files == len(self._plan.rolled) and not self._plan.rows
            self._plan.one_each = once and slices.width_ms == unit
        return self._plan

    def _by_minute(self, days: Sequence["_Day"], inner: Span) -> None:
        """Read minutes of the series that have them, readings of the others."""
        if not days:
            return
        found: dict[int, set[int]] = defaultdict(set)
        query = f"SELECT day, series FROM by_minute WHERE day BETWEEN ? AND ? AND {self._these()}"  # noqa: S608
        for day, series in self._cursor.execute(query, [days[0].day, days[-1].day]).fetchall():
            found[day].add(series)
        # Days on which the same series have minutes are read together.
        alike: dict[frozenset[int], list[str]] = defaultdict(list)
        for one in days:
            alike[frozenset(found[one.day])].append(one.file)
        for dense, files in alike.items():
            if dense:
                paths = [str(self._rollups.path_of(file)) for file in files]
                self._plan.minutes += paths
                source = f"read_parquet({quoted(paths)})"
                self._plan.rolled.append(self._parts_of(source, inner, series=dense))
            if rest := [one for one in self._series if one not in dense]:
                self._read(files, [inner], series=rest)

    def _parts_of(
        self, source: str, span: Span, *, series: Iterable[int] = (), stale: Sequence[int] = ()
    ) -> str:
        query = (
            f"SELECT series, since, {with_places()} FROM {source} "  # noqa: S608 (constants)
            f"WHERE {self._these(series)} AND since >= {span[0]} AND since < {span[1]}"
        )
        if stale:
            days = ", ".join(map(str, stale))
            query += f" AND NOT (run = {SEALED} AND since // {DAY_MS} IN ({days}))"
        return query

    def _days(self, start_ms: int, end_ms: int) -> list["_Day"]:
        """Return the days of a range of which there is anything in a file, oldest first."""
        rows: list[Any] = self._cursor.execute(
            "SELECT day, coalesce(days.file, ''), coalesce(rolled.file, '') "
            "FROM days FULL JOIN rolled USING (day) WHERE day BETWEEN ? AND ? ORDER BY day",
            [start_ms // DAY_MS, (end_ms - 1) // DAY_MS],
        ).fetchall()
        return [_Day(*row) for row in rows]

    def _read(
        self, files: Sequence[str], spans: Sequence[Span], *, series: Iterable[int] = ()
    ) -> None:
        if files:
            paths = [str(self._folder / file) for file in files]
            self._plan.files += paths
            source = f"{_FILE_ROWS} FROM read_parquet({quoted(paths)}, file_row_number = true)"
            self._add(source, spans, series=series)

    def _add_open(
        self, table: str, source: str, spans: Sequence[Span], *, which: str = "true"
    ) -> None:
        """Read a table of what is in no file, if there is anything of it."""
        if spans and self._holds(table, "taken_at", spans, which=which):
            self._add(source, spans, which=which)

    def _add(
        self,
        source: str,
        spans: Sequence[Span],
        *,
        series: Iterable[int] = (),
        which: str = "true",
    ) -> None:
        if spans:
            within = _within("taken_at", spans)
            self._plan.rows.append(f"{source} WHERE {self._these(series)} AND {which} AND {within}")

    def _holds(
        self, table: str, column: str, spans: Sequence[Span], *, which: str = "true"
    ) -> bool:
        ((there,),) = self._cursor.execute(
            f"SELECT EXISTS (FROM {table} WHERE {self._these()} AND {which} "
            f"AND {_within(column, spans)})"
        ).fetchall()
        return bool(there)

    def _these(self, series: Iterable[int] = ()) -> str:
        return among(series or self._series)


class _Day(NamedTuple):
    """A past day: its file, and the file of which its roll-ups were made; empty: none."""

    day: int
    file: str
    rolled: str

    @property
    def is_rolled(self) -> bool:
        return bool(self.file) and self.rolled == self.file

    @property
    def is_stale(self) -> bool:
        return bool(self.rolled) and self.rolled != self.file

    def touches(self, spans: Sequence[Span]) -> bool:
        """Return whether one of the ranges is partly on this day."""
        start, end = self.day * DAY_MS, (self.day + 1) * DAY_MS
        return any(one[0] < end and one[1] > start for one in spans)


def _within(column: str, spans: Sequence[Span]) -> str:
    times = [f"{column} >= {start} AND {column} < {end}" for start, end in spans]
    return times[0] if len(times) == 1 else f"({' OR '.join(times)})"


def rows_query(plan: Plan, limit: int, columns: str) -> str:
    """Return the query for the first rows in the order of series and time."""
    order = "" if plan.in_order else "ORDER BY series, place"
    return (
        f"SELECT {columns} FROM ({_union(plan.rows or [_NO_ROWS])}) "  # noqa: S608 (constants)
        f"{order} LIMIT {int(limit)}"
    )


def _union(queries: Iterable[str]) -> str:
    return " UNION ALL ".join(queries)


def slices_query(plan: Plan, slices: Slices, figures: Iterable[str]) -> str:
    """Return the query for slices, in any order.

    Args:
        plan: What they are made of.
        slices: What was planned.
        figures: Columns of the answer: series, slice and names of ``FIGURES``.
    """

    def key(at: str) -> str:
        return f"series, ({at} - {slices.first_ms}) // {slices.width_ms} AS slice"

    columns = ", ".join(SUMMED)
    sources = [f"SELECT {key('since')}, {columns} FROM ({one})" for one in plan.rolled]  # noqa: S608
    if plan.rows or not sources:
        rows = parts(_union(plan.rows or [_NO_ROWS]), key("taken_at"))
        sources.append(f"SELECT series, slice, {columns} FROM ({rows})")  # noqa: S608 (constants)
    added_up = FIGURES_OF_ONE if plan.one_each else FIGURES
    asked = ", ".join(f"{added_up.get(name, name)} AS {name}" for name in figures)
    group = "" if plan.one_each else "GROUP BY series, slice"
    return f"SELECT {asked} FROM ({_union(sources)}) {group}"  # noqa: S608 (constants)
