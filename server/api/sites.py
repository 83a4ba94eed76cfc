"""/sites and /gateways: estates and the edge nodes in them."""

from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.lookup import id_of_site
from server.api.pages import PageOf
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Instant
from server.api.strict import Body
from server.api.visible import require_site
from server.assets.model import Gateway, Site
from server.assets.scoped import scoped_gateways, scoped_sites, values_of
from server.assets.sites import change_site
from server.core.errors import ForbiddenError
from server.core.paging import Listing, columns_of

Name = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]

SiteWriter = Annotated[Principal, may(Permission.SITES_WRITE)]

router = api_router(tag="sites", responses=problems())


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


_SITES = Listing(select(*columns_of(Site)), key=Site.key, filters=scoped_sites())
_SITE_PAGES = PageOf(SiteItem)
_GATEWAYS = Listing(
    select(*columns_of(Gateway)),
    key=Gateway.key,
    filters={"site": Gateway.site_id == id_of_site("site"), **scoped_gateways()},
)
_GATEWAY_PAGES = PageOf(GatewayItem)


@router.get("/sites", response_model=_SITE_PAGES.model)
def list_sites(
    use: Use, caller: PlantReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the estates, by key."""
    found = use.records.read(
        lambda session: _SITES.page(session, limit=limit, cursor=cursor, **values_of(caller.scope))
    )
    return _SITE_PAGES.answer(found, _SITES.fields)


@router.put("/sites/{site}", responses=problems(403, 404))
def put_site(
    site: Annotated[str, Path(max_length=200, description="Key of a site.")],
    body: SiteChanges,
    use: Use,
    caller: SiteWriter,
) -> SiteItem:
    """Give an estate names, and say what becomes of equipment that leaves."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("name_zh", "name_en"):
        if (given := changes.pop(name, None)) is not None:
            changes[name] = given.strip()

    def change(session: Session) -> SiteItem:
        require_site(session, site, caller.scope)
        if "retire_removed_after_days" in changes and caller.scope.picks:
            raise ForbiddenError("what is retired by itself is more than your equipment")
        return _site_item(
            change_site(session, site, changes, by=caller.name, now=use.clock.now_ms())
        )

    return use.records.write(change)


def _site_item(row: Site) -> SiteItem:
    return SiteItem.model_validate(row, from_attributes=True)


@router.get("/gateways", response_model=_GATEWAY_PAGES.model)
def list_gateways(
    use: Use,
    caller: PlantReader,
    site: Annotated[str | None, Query(description="Key of a site.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List the gateways, by key."""
    found = use.records.read(
        lambda session: _GATEWAYS.page(
            session, limit=limit, cursor=cursor, site=site, **values_of(caller.scope)
        )
    )
    return _GATEWAY_PAGES.answer(found, _GATEWAYS.fields)
