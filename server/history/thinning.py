"""Past days without what is not kept for long: some classes' points, readings that are not good.

A day is thinned out once for each rule, when it is old enough. How far each rule has come is in the
table ``thinned``, so a rule that is new, or has become shorter, is applied to all days before.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from config.history import KeepSettings
from protocols.reading import Quality
from server.history.database import Database
from server.history.files import quoted
from server.history.series_tags import Describe
from server.history.slices import HOUR_MS

THINNED = "thinned (rule VARCHAR NOT NULL, day BIGINT NOT NULL)"
_DAY_MS = 24 * HOUR_MS
_NOT_GOOD = "quality"


class Rule(NamedTuple):
    """What is dropped after so many days: a class, or readings that are not good."""

    name: str
    days: int


class Due(NamedTuple):
    """A day, since 1970, and what is dropped of it."""

    day: int
    rules: list[Rule]


class Thinning:
    """Knows what is due, and what each rule drops."""

    def __init__(self, database: Database, keep: KeepSettings, describe: Describe) -> None:
        self._database = database
        self._describe = describe
        self._rules = [Rule(f"class {name}", days) for name, days in sorted(keep.classes.items())]
        if keep.not_good_days is not None:
            self._rules.append(Rule(_NOT_GOOD, keep.not_good_days))

    def due(self, now_ms: int) -> Iterator[Due]:
        """Yield the days that have a file and are old enough for a rule, oldest first.

        Raises:
            StoreError: They cannot be read now.
        """
        if not self._rules:
            return
        today = now_ms // _DAY_MS
        with self._database.cursor() as cursor:
            days = [day for (day,) in cursor.execute("SELECT day FROM days ORDER BY 1").fetchall()]
            done = dict(
                cursor.execute("SELECT rule, max(day) FROM thinned GROUP BY rule").fetchall()
            )
        for day in days:
            rules = [
                rule
                for rule in self._rules
                if day < today - rule.days and day > done.get(rule.name, -1)
            ]
            if rules:
                yield Due(day, rules)

    def condition(self, cursor: Any, rules: Iterable[Rule], files: Sequence[str]) -> str:  # noqa: ANN401
        """Return which rows of a day's files the rules drop, as SQL."""
        series = cursor.execute(
            f"SELECT DISTINCT series FROM read_parquet({quoted(files)})"  # noqa: S608 (paths)
        ).fetchall()
        conditions: list[str] = []
        for rule in rules:
            if rule.name == _NOT_GOOD:
                conditions.append(f"quality != {int(Quality.GOOD)}")
                continue
            name = rule.name.removeprefix("class ")
            dropped = [one for (one,) in series if self._describe(one).equipment_class == name]
            if dropped:
                conditions.append(f"series IN ({', '.join(map(str, dropped))})")
        return " OR ".join(conditions) or "false"

    def note(self, cursor: Any, due: Due) -> None:  # noqa: ANN401 (cursor)
        """Write down, in a transaction, that a day is done."""
        for rule in due.rules:
            cursor.execute("DELETE FROM thinned WHERE rule = ?", [rule.name])
            cursor.execute("INSERT INTO thinned VALUES (?, ?)", [rule.name, due.day])
