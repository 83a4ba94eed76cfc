"""How readings come into the table ``hot``: new ones as they are, late ones once."""

from collections.abc import Sequence
from typing import Any

from server.history.base import Batch
from server.history.columns import COLUMNS, KEY, arrow_table, numbered_table, pick, same_row


def insert_new(cursor: Any, batch: Batch) -> None:  # noqa: ANN401 (cursor)
    """Add rows that are newer than all of their series."""
    cursor.register("incoming", arrow_table(batch))
    cursor.execute(f"INSERT INTO hot SELECT {COLUMNS} FROM incoming")  # noqa: S608 (constants)
    cursor.unregister("incoming")


def insert_late(cursor: Any, batch: Batch, files: Sequence[str]) -> None:  # noqa: ANN401 (cursor)
    """Add those rows that are in neither the tables nor the files of their days."""
    parameters: dict[str, Any] = {"start": min(batch.taken_at), "end": max(batch.taken_at) + 1}
    there = _THERE
    if files:
        parameters["files"] = files
        there += _THERE_IN_FILES
    cursor.register("incoming", numbered_table(batch))
    cursor.execute(_ADD_LATE.replace("$there", there), parameters)
    cursor.unregister("incoming")


def without_copies(batch: Batch) -> Batch:
    """Keep the first of rows that say the same, as a message and its resend in one batch."""
    columns = (batch.series, batch.taken_at, batch.values, batch.quality, batch.reason)
    first: dict[tuple[object, ...], int] = {}
    for row, row_values in enumerate(zip(*columns, strict=True)):
        # In Python True is 1 and 1 is 1.0.
        first.setdefault((*row_values, batch.values[row].__class__, batch.nth.get(row, 0)), row)
    return batch if len(first) == len(batch) else pick(batch, list(first.values()))


_THERE = f"SELECT {COLUMNS} FROM hot UNION ALL SELECT {COLUMNS} FROM ordered"  # noqa: S608
_THERE_IN_FILES = f" UNION ALL SELECT {COLUMNS} FROM read_parquet($files)"  # noqa: S608
_ADD_LATE = f"""
    INSERT INTO hot SELECT {", ".join(f"incoming.{name}" for name in KEY)}
    FROM incoming LEFT JOIN (
        SELECT {COLUMNS}, count(*) AS times
        FROM ($there) SEMI JOIN incoming USING (series, taken_at)
        WHERE taken_at >= $start AND taken_at < $end
        GROUP BY {COLUMNS}
    ) AS stored ON {same_row("incoming", "stored")}
    WHERE coalesce(stored.times, 0) <= incoming.nth
    ORDER BY incoming.row
"""  # noqa: S608 (constants)
