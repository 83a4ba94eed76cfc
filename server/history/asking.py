"""Questions to the embedded history: planned, answered, and once more when a file was replaced."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from server.core.errors import StoreError
from server.history.columns import VALUE_COLUMNS
from server.history.database import Database
from server.history.days import DayFiles
from server.history.packed import pack
from server.history.patience import in_time, rest_s
from server.history.questions import Plan, Planner, rows_query, slices_query
from server.history.rollups import FIGURES
from server.history.slices import Slices

# ``sql(query)`` copies nothing, but plans every query twice, which takes longer.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
T = TypeVar("T")
Question = Callable[[Planner], tuple[Plan, str]]
"""Returns what is read, and the SQL for it."""
_BUCKET = ("slice", *FIGURES)
_ROW = f"taken_at, {VALUE_COLUMNS}, quality, reason"


class Asking:
    """Answers questions about series, wherever their rows are."""

    def __init__(self, database: Database, folder: Path, days: Callable[[], DayFiles]) -> None:
        """Prepare.

        Args:
            database: Of the newest days.
            folder: Of the history.
            days: Returns the files of past days, as they are now.
        """
        self._database = database
        self._folder = folder
        self._days = days

    def rows(self, series: Sequence[int], question: Question) -> list[Any]:
        """Return an answer row by row.

        Raises:
            StoreError: It cannot be read now.
        """
        return self._ask(series, question, _as_rows)

    def packed(self, series: Sequence[int], question: Question) -> bytes:
        """Return an answer in columns.

        Raises:
            StoreError: It cannot be read now.
        """
        return self._ask(series, question, _as_bytes)

    def _ask(self, series: Sequence[int], question: Question, fetch: Callable[[Any, str], T]) -> T:
        days = self._days()
        plan = Plan()
        try:
            return self._ask_once(days, series, question, fetch, plan)
        except StoreError as error:
            rest_s()  # a question that was ended says nothing of files
            days = self._days()
            # Either a file was replaced by a newer one meanwhile, or it is damaged.
            days.rollups.check(plan.minutes)
            broken = days.check([file for file in plan.files if Path(file).exists()])
            if broken:
                raise StoreError(f"damaged history files set aside: {', '.join(broken)}") from error
            return self._ask_once(days, series, question, fetch, plan)

    def _ask_once(
        self,
        days: DayFiles,
        series: Sequence[int],
        question: Question,
        fetch: Callable[[Any, str], T],
        plan: Plan,
    ) -> T:
        """Answer it; the plan is told which files that takes."""

        def end() -> None:
            with suppress(duckdb.ConnectionException):  # closed meanwhile
                cursor.interrupt()

        with self._database.transaction() as cursor, in_time(end):
            found, query = question(Planner(cursor, days.rollups, self._folder, series))
            plan.files, plan.minutes = found.files, found.minutes
            return fetch(cursor, query)


def trend_question(slices: Slices, figures: Sequence[str]) -> Question:
    """Return the question for figures of slices, in any order."""

    def ask(planner: Planner) -> tuple[Plan, str]:
        plan = planner.summaries(slices)
        return plan, slices_query(plan, slices, figures)

    return ask


def bucket_question(slices: Slices) -> Question:
    """Return the question for all figures of the slices of one series, oldest first."""

    def ask(planner: Planner) -> tuple[Plan, str]:
        plan, query = trend_question(slices, _BUCKET)(planner)
        return plan, f"{query} ORDER BY slice"

    return ask


def readings_question(start_ms: int, end_ms: int, limit: int, columns: str = _ROW) -> Question:
    """Return the question for the first readings, in the order of series and time."""

    def ask(planner: Planner) -> tuple[Plan, str]:
        plan = planner.readings(start_ms, end_ms)
        return plan, rows_query(plan, limit, columns)

    return ask


def _as_rows(cursor: Any, query: str) -> list[Any]:  # noqa: ANN401 (cursor)
    return cursor.execute(query).fetchall()


def _as_bytes(cursor: Any, query: str) -> bytes:  # noqa: ANN401 (cursor)
    return pack(cursor.execute(query).to_arrow_table())
