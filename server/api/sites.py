"""/sites and /gateways: estates and the edge nodes in them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from server.api.context import PAGE, Administrator, Cursor, Limit, Use, problems
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Gateway, Site
from server.assets.sites import name_site
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


class SiteNames(Body):
    """What people call an estate; a name that is not given stays, an empty one is taken back."""

    name_zh: Name | None = None
    name_en: Name | None = None


class GatewayItem(BaseModel):
    """An edge node of an estate."""

    id: int
    key: str
    site_id: int
    online: bool
    since_at: Instant
    """When it came online or went away."""


@router.get("/sites", response_model=Page[SiteItem])
def list_sites(use: Use, limit: Limit = PAGE, cursor: Cursor = None) -> dict[str, object]:
    """List the estates, by key."""
    rows = use.records.read(
        lambda session: read_page(
            session, select(Site), key=Site.key, newest_first=False, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, _site_item)


@router.put("/sites/{site}", operation_id="name_site", responses=problems(403, 404))
def name_site_(
    site: Annotated[str, Path(max_length=200, description="Key of a site.")],
    body: SiteNames,
    use: Use,
    caller: Administrator,
) -> SiteItem:
    """Give an estate the names that people use for it."""
    return use.records.write(
        lambda session: _site_item(
            name_site(
                session,
                site,
                name_zh=_stripped(body.name_zh),
                name_en=_stripped(body.name_en),
                by=caller.name,
                now=use.clock.now_ms(),
            )
        )
    )


def _stripped(name: str | None) -> str | None:
    return None if name is None else name.strip()


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
