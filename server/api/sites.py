"""/sites and /gateways: estates and the edge nodes in them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from server.api.context import PAGE, Administrator, Cursor, Limit, Use, problems
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Gateway, Site
from server.assets.sites import change_site
from server.core.paging import Page, page_of, read_page

Name = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]

router = APIRouter(tags=["sites"], responses=problems())


class SiteItem(BaseModel):
    """An estate."""

    id: int
    key: str
    name_zh: str
    """What people call it, in messages too; empty: its key."""
    name_en: str
    retire_removed_after_days: float | None
    """Equipment that its gateway no longer has is retired after so long; none: a person does it."""


class SiteChanges(Body):
    """What people say of an estate; what is not given stays, an empty name is taken back."""

    name_zh: Name | None = None
    name_en: Name | None = None
    retire_removed_after_days: Annotated[float | None, Field(ge=0, le=3650)] = None
    """Equipment that its gateway no longer has is retired after so long; null: a person does it."""


class GatewayItem(BaseModel):
    """An edge node of an estate."""

    id: int
    key: str
    site_id: int
    online: bool
    since_at: Instant
    """When it came online or went away."""
    refused: dict[str, int]
    """How many devices, points and long names (`devices`, `points`, `long_names`) it brought beyond
    `sparkplug.limits`; births that come again count again."""
    problem: str
    """What people should look at, with its probable cause, as two agents with one identity; empty:
    nothing."""


@router.get("/sites", response_model=Page[SiteItem])
def list_sites(use: Use, limit: Limit = PAGE, cursor: Cursor = None) -> dict[str, object]:
    """List the estates, by key."""
    rows = use.records.read(
        lambda session: read_page(
            session, select(Site), key=Site.key, newest_first=False, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, _site_item)


@router.put("/sites/{site}", responses=problems(403, 404))
def put_site(
    site: Annotated[str, Path(max_length=200, description="Key of a site.")],
    body: SiteChanges,
    use: Use,
    caller: Administrator,
) -> SiteItem:
    """Give an estate names, and say what becomes of equipment that leaves."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("name_zh", "name_en"):
        if (given := changes.pop(name, None)) is not None:
            changes[name] = given.strip()
    return use.records.write(
        lambda session: _site_item(
            change_site(session, site, changes, by=caller.name, now=use.clock.now_ms())
        )
    )


def _site_item(row: Site) -> SiteItem:
    return SiteItem.model_validate(row, from_attributes=True)


@router.get("/gateways", response_model=Page[GatewayItem])
def list_gateways(
    use: Use,
    site: Annotated[str | None, Query(description="Key of a site.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> dict[str, object]:
    """List the gateways, by key."""
    query = select(Gateway)
    if site is not None:
        query = query.join(Site, Site.id == Gateway.site_id).where(Site.key == site)
    rows = use.records.read(
        lambda session: read_page(
            session, query, key=Gateway.key, newest_first=False, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, lambda row: GatewayItem.model_validate(row, from_attributes=True))
