"""The newest row of each series that is in files: they are not searched for it."""

from typing import Any

from server.history.columns import COLUMNS
from server.history.day_file import PLACE_IN_FILE
from server.history.ordered import open_rows

_LATEST_ROWS = 2**42
"""More than there are series."""


def remember_latest(
    cursor: Any,  # noqa: ANN401 (cursor)
    start_ms: int,
    end_ms: int,
    *,
    source: list[str] | None = None,
) -> None:
    """Keep the newest row of each series in ``latest``: the files are not searched for it."""
    rows = open_rows(start_ms, end_ms)
    parameters: dict[str, Any] = {}
    if source is not None:
        parameters["source"] = source
        rows = (
            f"SELECT {COLUMNS}, {PLACE_IN_FILE} AS place "  # noqa: S608 (constants)
            "FROM read_parquet($source, file_row_number = true) "
            f"WHERE taken_at >= {start_ms} AND taken_at < {end_ms}"
        )
    # A window function would be shorter, but it keeps the whole day in memory.
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE newest AS "  # noqa: S608 (constants)
        f"WITH every AS (SELECT {COLUMNS}, rowid - {_LATEST_ROWS} AS place FROM latest "
        f"UNION ALL {rows}), "
        "last AS (SELECT series, max(taken_at) AS taken_at FROM every GROUP BY series) "
        f"SELECT {COLUMNS}, place FROM every JOIN last USING (series, taken_at)",
        parameters,
    )
    # A file that is adopted may have been known before.
    kind = "" if source is None else f"DISTINCT ON ({COLUMNS})"
    cursor.execute("DELETE FROM latest")
    cursor.execute(
        f"INSERT INTO latest SELECT {COLUMNS} FROM "  # noqa: S608 (constants)
        f"(SELECT {kind} {COLUMNS}, place FROM newest) ORDER BY series, place"
    )
    cursor.execute("DROP TABLE newest")
