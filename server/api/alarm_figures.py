"""/alarm-figures: whether the alarms are few enough to be read."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.roles import Permission
from server.alarms.figures import (
    BIN_MS,
    Flooding,
    announced,
    count_sites,
    explained,
    false_alarms,
    figures_of,
    on_trial,
    stale,
)
from server.api.context import Use, problems
from server.api.lookup import site_id
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn
from server.assets.model import Equipment, Point
from server.assets.scoped import conditions
from server.core.problem import FieldError

FiguresReader = Annotated[Principal, may(Permission.FIGURES_READ)]

router = api_router(prefix="/alarm-figures", tag="alarms", responses=problems(404))

_DAY_MS = 86_400_000
_LONGEST_MS = 92 * _DAY_MS


class BinItem(BaseModel):
    """Ten minutes."""

    start: Instant
    alarms: int
    per_operator: float
    """Alarms for each person who watches; 1 is good, 2 is the most."""
    flood: bool
    """Of any of the sites."""


class FrequentItem(BaseModel):
    """One of the ten alarms that come most often."""

    rule: str
    point: str
    equipment: str
    alarms: int
    share: float


class FiguresItem(BaseModel):
    """Figures as ISA-18.2 defines them, of announced alarms; shares are 0 to 1.

    An alarm counts each time that it is announced. Floods and loads are those of each site's own
    duty room; without ``site`` they are averages over all sites.
    """

    start: Instant
    end: Instant
    operators: int
    """People who watch one site."""
    sites: int
    """Whose figures these are."""
    alarms: int
    average_per_operator: float
    """In ten minutes; 1 is good, 2 is the most that one person can handle."""
    peak: int
    """At one site in its worst ten minutes."""
    flood_share: float
    """Of the time. A flood begins with more than ``flood_starts`` alarms in ten minutes and lasts
    until there are fewer than ``flood_ends``; below 0.01 is good."""
    top: list[FrequentItem]
    top_share: float
    """Of the ten most frequent; below 0.05 is good."""
    split: dict[str, float]
    """low, medium, high with urgent; 0.80, 0.15, 0.05 are good."""
    stale: list[int]
    """Ids of alarms that have been active for more than a day now; fewer than 5 are good."""
    explained: dict[str, int]
    """Alarms that an outage explained, by cause, while it did nobody was told of them."""
    on_trial: dict[str, int]
    """Alarms of rules that are on trial, by rule; nobody was told of them."""
    false_alarms: dict[str, int]
    """Alarms raised in the span whose work order was cancelled as a false alarm, by rule."""
    bins: list[BinItem]


@router.get("")
def get_alarm_figures(
    use: Use,
    caller: FiguresReader,
    *,
    start: Annotated[
        InstantIn | None, Query(alias="from", description="Default: a day before the end.")
    ] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Default: now.")] = None,
    site: Annotated[str | None, Query(max_length=64, description="Key of a site.")] = None,
    operators: Annotated[
        int | None, Query(ge=1, le=1000, description="Default: alarms.operators of the file.")
    ] = None,
) -> FiguresItem:
    """Show the quality of the alarms, in all and for each ten minutes."""
    now = use.clock.now_ms()
    until = -(-(now if end is None else end) // BIN_MS) * BIN_MS
    since = (until - _DAY_MS if start is None else start) // BIN_MS * BIN_MS
    if not 0 < until - since <= _LONGEST_MS:
        raise FieldError("query.from", "before query.to, by 92 days at most")
    people = operators or use.settings.alarms.operators

    def read(session: Session) -> FiguresItem:
        within = conditions(caller.scope)
        if site is not None:
            within.append(Equipment.site_id == site_id(session, site, caller.scope))
        sites = 1 if site is not None else count_sites(session, within=within)
        announcements = announced(session, start=since, end=until, within=within)
        made = figures_of(
            announcements,
            start=since,
            end=until,
            operators=people,
            sites=sites,
            flooding=Flooding(use.settings.alarms.flood_starts, use.settings.alarms.flood_ends),
        )
        top = [
            FrequentItem(
                rule=one.rule,
                point=session.get_one(Point, one.point_id).key,
                equipment=session.get_one(Equipment, one.equipment_id).key,
                alarms=one.alarms,
                share=one.share,
            )
            for one in made.top
        ]
        return FiguresItem(
            start=since,
            end=until,
            operators=people,
            sites=sites,
            alarms=made.alarms,
            average_per_operator=made.average_per_operator,
            peak=made.peak,
            flood_share=made.flood_share,
            top=top,
            top_share=made.top_share,
            split=made.split,
            stale=stale(session, now=now, within=within),
            explained=explained(session, start=since, end=until, within=within),
            on_trial=on_trial(session, start=since, end=until, within=within),
            false_alarms=false_alarms(session, start=since, end=until, within=within),
            bins=[BinItem(**one._asdict()) for one in made.bins],
        )

    return use.records.read(read)
