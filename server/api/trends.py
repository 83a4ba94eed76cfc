"""/trends: the history of several points at once, in columns, for charts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from server.access.scope import Scope
from server.api.context import Services, Use, problems
from server.api.lookup import NamedPoint, find_points
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn, JsonNumber, JsonValue
from server.core.instant import rfc3339
from server.core.problem import FieldError
from server.history.charts import Lists, reading_lists, trend_lists
from server.history.slices import Slices, even_slices, slices_of_width

DAY_MS = 86_400_000
MAX_POINTS = 200
MAX_SLICES = 5000
MAX_CELLS = 300_000
"""Slices of all points together."""
MAX_ROWS = 100_000
"""Raw readings of all points together."""
_MAX_WIDTH_S = 366 * 86_400

Figure = Literal["min", "avg", "max", "first", "last", "count", "bad_count"]
_FIGURES: Final[Mapping[Figure, str]] = {
    "min": "minimum",
    "avg": "average",
    "max": "maximum",
    "first": "first",
    "last": "last",
    "count": "count",
    "bad_count": "bad_count",
}
_USUAL: Final[tuple[Figure, ...]] = ("min", "avg", "max")

router = api_router(prefix="/trends", tag="readings", responses=problems(404))


class TrendPoint(BaseModel):
    """Whose history it is."""

    id: int
    key: str
    equipment_id: int
    name: str
    unit: str
    name_en: str
    name_zh: str


class TrendItem(BaseModel):
    """The history of one point; lists that were not asked for are left out.

    Of slices each list has one entry per slice; null where the slice holds no good reading, and 0
    for the counts. Of raw readings the lists have one entry per reading.
    """

    point: TrendPoint
    min: list[JsonNumber] | None = None
    avg: list[float | None] | None = None
    max: list[JsonNumber] | None = None
    first: list[JsonValue] | None = None
    last: list[JsonValue] | None = None
    count: list[int] | None = None
    """Good readings."""
    bad_count: list[int] | None = None
    """Readings whose quality is not good."""
    after_ms: list[int] | None = None
    """Raw: when each reading was taken, milliseconds after ``from``."""
    value: list[JsonValue] | None = None
    quality: list[str] | None = None
    reason: list[str] | None = None
    """Why a reading is not good; left out when all are."""


class Trends(BaseModel):
    """Several points between two instants, the second excluded, in the order asked for.

    Slice number n begins ``n * width_ms`` after ``start``; the first and the last hold only what
    is between ``from`` and ``to``.
    """

    from_: Annotated[Instant, Field(serialization_alias="from")]
    to: Instant
    start: Instant | None
    """Where the first slice begins; null with raw=true, like the next two."""
    width_ms: int | None
    slices: int | None
    items: list[TrendItem]


class Asked(NamedTuple):
    """Which points, from when to when (UTC ms; None: by default), and what of them."""

    points: list[str]
    start: int | None
    end: int | None
    slices: int | None
    width_s: int | None
    show: list[Figure] | None
    raw: bool


async def _asked(
    point: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=MAX_POINTS,
            description=f"Id or key; up to {MAX_POINTS} times.",
        ),
    ],
    *,
    start: Annotated[
        InstantIn | None, Query(alias="from", description="Default: a day before 'to'.")
    ] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Default: now.")] = None,
    slices: Annotated[
        int | None,
        Query(
            ge=1,
            le=MAX_SLICES,
            description="At most so many, default 500; beyond a minute they are whole minutes or "
            "hours, counted from 1970-01-01T00:00:00Z on.",
        ),
    ] = None,
    width_s: Annotated[
        int | None,
        Query(ge=1, le=_MAX_WIDTH_S, description="Width of a slice, seconds, instead of 'slices'."),
    ] = None,
    show: Annotated[
        list[Figure] | None,
        Query(description="Figures of slices, any number of times; default min, avg, max."),
    ] = None,
    raw: Annotated[
        bool,
        Query(description=f"Readings instead of slices; up to {MAX_ROWS} of all points together."),
    ] = False,
) -> Asked:
    return Asked(point, start, end, slices, width_s, show, raw)


AskedTrends = Annotated[Asked, Depends(_asked)]


class Found(NamedTuple):
    """The history of the points, a lot of lists for each; without a grid of single readings."""

    points: list[NamedPoint]
    start: int
    end: int
    grid: Slices | None
    figures: Sequence[str]
    lists: Iterator[Lists]


def find_trends(use: Services, scope: Scope, asked: Asked) -> Found:
    """Read the history that was asked for.

    Raises:
        FieldError: What is asked for makes no sense together, or is too much.
        NotFoundError: The caller has no such point.
    """
    end = use.clock.now_ms() + 1 if asked.end is None else asked.end
    start = max(0, end - DAY_MS) if asked.start is None else asked.start
    if start >= end:
        raise FieldError("query.from", "'from' must be before 'to'")
    if asked.raw and (asked.slices, asked.width_s, asked.show) != (None, None, None):
        raise FieldError("query.raw", "raw=true goes without slices, width_s and show")
    points = use.records.read(lambda session: find_points(session, asked.points, scope))
    ids = [one.id for one in points]
    if asked.raw:
        found = reading_lists(use.history.packed_readings(ids, start, end, MAX_ROWS + 1), start)
        if sum(len(one["value"]) for one in found.values()) > MAX_ROWS:
            raise FieldError(
                "query.raw",
                f"more than {MAX_ROWS:,} readings: ask for fewer points, a shorter range or slices",
            )
        nothing: Lists = {"after_ms": [], "value": [], "quality": []}
        return Found(points, start, end, None, [], (found.get(one, nothing) for one in ids))
    grid = _grid(start, end, slices=asked.slices, width_s=asked.width_s, points=len(points))
    figures = {_FIGURES[name]: name for name in asked.show or _USUAL}
    names = list(figures)
    each = trend_lists(use.history.packed_trends(ids, grid, names), ids, grid, names)
    lists: Iterator[Lists] = ({figures[name]: one[name] for name in names} for one in each)
    return Found(points, start, end, grid, list(figures.values()), lists)


@router.get("", response_model=Trends)
def list_trends(use: Use, caller: PlantReader, asked: AskedTrends) -> Response:
    """Return several points: figures per slice of time, or each reading; gaps are null."""
    found = find_trends(use, caller.scope, asked)
    head: dict[str, Any] = {"from": rfc3339(found.start), "to": rfc3339(found.end)}
    head |= {"start": None, "width_ms": None, "slices": None}
    if (grid := found.grid) is not None:
        head |= {"start": rfc3339(grid.first_ms), "width_ms": grid.width_ms, "slices": grid.number}
    items = b",".join(
        to_json({"point": one._asdict(), **some}, inf_nan_mode="null")
        for one, some in zip(found.points, found.lists, strict=True)
    )
    answer = b'%b,"items":[%b]}' % (to_json(head)[:-1], items)
    return Response(answer, media_type="application/json")


def _grid(start: int, end: int, *, slices: int | None, width_s: int | None, points: int) -> Slices:
    """Return the slices that were asked for.

    Raises:
        FieldError: They are too many.
    """
    if width_s is None:
        field, grid = "query.slices", even_slices(start, end, 500 if slices is None else slices)
    elif slices is None:
        field, grid = "query.width_s", slices_of_width(start, end, width_s * 1000)
    else:
        raise FieldError("query.width_s", "give 'slices' or 'width_s', not both")
    if grid.number > MAX_SLICES:
        raise FieldError(
            field, f"{grid.number:,} slices; at most {MAX_SLICES:,}: make them wider or fewer"
        )
    if (cells := grid.number * points) > MAX_CELLS:
        raise FieldError(
            field,
            f"{points} points of {grid.number:,} slices are {cells:,} together; at most "
            f"{MAX_CELLS:,}: ask for fewer points or fewer slices",
        )
    return grid
