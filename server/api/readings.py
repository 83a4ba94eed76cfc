"""/readings: the history of one point, summarised for a chart or row by row."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from server.api.context import Cursor, Use, problems
from server.api.lookup import find_point
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn, JsonNumber, JsonValue, PointItem
from server.core.paging import decode_cursor, encode_cursor
from server.core.problem import FieldError
from server.history.base import Bucket, Row, after_page
from server.history.slices import even_slices
from server.history.trends import FIGURES, buckets_of_trend

DAY_MS = 86_400_000
MAX_BUCKETS = 5000
MAX_ROWS = 10_000
_LATEST_MS = 2**53

router = api_router(prefix="/readings", tag="readings", responses=problems(404))


class BucketItem(BaseModel):
    """A slice of time that holds readings; min to last are of the good ones."""

    start: Instant
    end: Instant
    min: JsonNumber
    avg: float | None
    max: JsonNumber
    first: JsonValue
    last: JsonValue
    count: int
    """Good readings."""
    bad_count: int
    """Readings whose quality is not good."""

    @classmethod
    def of(cls, bucket: Bucket) -> "BucketItem":
        """Show a bucket."""
        return cls(
            start=bucket.start,
            end=bucket.end,
            min=bucket.minimum,
            avg=bucket.average,
            max=bucket.maximum,
            first=bucket.first,
            last=bucket.last,
            count=bucket.count,
            bad_count=bucket.bad_count,
        )


class RowItem(BaseModel):
    """One stored reading."""

    taken_at: Instant
    value: JsonValue
    quality: str
    reason: str

    @classmethod
    def of(cls, row: Row) -> "RowItem":
        """Show a row."""
        return cls(
            taken_at=row.taken_at,
            value=row.value,
            quality=row.quality.name.lower(),
            reason=row.reason,
        )


class Readings(BaseModel):
    """Readings of one point between two instants, the second excluded; gaps are gaps.

    Buckets that are longer than a minute are whole minutes or hours, counted from
    1970-01-01T00:00:00Z on; the first and the last hold only what is between the two instants.
    """

    point: PointItem
    from_: Annotated[Instant, Field(serialization_alias="from")]
    to: Instant
    buckets: list[BucketItem]
    """Empty when raw readings were asked for."""
    items: list[RowItem]
    """Raw readings, oldest first."""
    next_cursor: str | None


@router.get("")
def list_readings(
    use: Use,
    caller: PlantReader,
    point: Annotated[str, Query(min_length=1, max_length=300, description="Id or key.")],
    *,
    start: Annotated[
        InstantIn | None, Query(alias="from", description="Default: a day before 'to'.")
    ] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Default: now.")] = None,
    buckets: Annotated[int, Query(ge=1, le=MAX_BUCKETS, description="At most so many.")] = 500,
    raw: Annotated[bool, Query(description="Rows instead of buckets.")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows, with raw=true.")] = 1000,
    cursor: Cursor = None,
) -> Readings:
    """Return min, avg and max per slice of time, or with raw=true each reading."""
    end = use.clock.now_ms() + 1 if end is None else end
    start = max(0, end - DAY_MS) if start is None else start
    if start >= end:
        raise FieldError("query.from", "'from' must be before 'to'")
    row = use.records.read(lambda session: find_point(session, point, caller.scope))
    slices: list[BucketItem] = []
    rows: list[Row] = []
    following: str | None = None
    if raw:
        begin, passed = (start, 0) if cursor is None else _position(cursor)
        found = use.history.raw(row.id, max(start, begin), end, passed + limit + 1)
        rows = found[passed : passed + limit]
        if len(found) > passed + limit:
            at, given = after_page(found[: passed + limit])
            following = encode_cursor(f"{at}.{given}")
    else:
        grid = even_slices(start, end, buckets)
        trend = use.history.trends([row.id], grid, list(FIGURES)).get(row.id)
        if trend is not None:
            slices = [BucketItem.of(each) for each in buckets_of_trend(trend, grid)]
    return Readings(
        point=PointItem.of(row),
        from_=start,
        to=end,
        buckets=slices,
        items=[RowItem.of(each) for each in rows],
        next_cursor=following,
    )


def _position(cursor: str) -> tuple[int, int]:
    """Return from which instant to go on, and how many readings of it were given already."""
    at, dot, given = str(decode_cursor(cursor, str)).partition(".")
    if not (dot and at.isascii() and at.isdigit() and given.isascii() and given.isdigit()):
        raise FieldError("query.cursor", "not a cursor of this list; leave it out to start again")
    return min(int(at[:18]), _LATEST_MS), min(int(given[:6]), MAX_ROWS)
