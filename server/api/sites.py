"""/sites and /gateways: estates and the edge nodes in them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select

from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.shapes import Instant
from server.assets.model import Gateway, Site
from server.core.paging import Page, page_of, read_page

router = APIRouter(tags=["sites"], responses=problems())


class SiteItem(BaseModel):
    """An estate."""

    id: int
    key: str


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
    return page_of(rows, lambda row: SiteItem.model_validate(row, from_attributes=True))


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
