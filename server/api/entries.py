"""What persons, teams, rosters and policies share: shapes, paging, saving."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from config.base import IDENTIFIER_PATTERN
from server.api.context import Services
from server.api.etag import expected_version, set_etag
from server.api.pages import PageOf
from server.api.shapes import Instant
from server.core.paging import Listing, columns_of
from server.core.problem import ProblemError
from server.people.channels import channel_names
from server.people.coverage import Hole
from server.people.model import Entry
from server.people.service import Body, Kind, StaleEntryError, get_entry, remove, save

Key = Annotated[
    str, Path(max_length=64, pattern=IDENTIFIER_PATTERN, description="Chosen by whoever makes it.")
]

AcceptHoles = Annotated[
    bool,
    Query(description="True: hours or steps that reach nobody by that are no reason to refuse."),
]


class HoleItem(BaseModel):
    """Hours or a step in which a call would reach nobody."""

    kind: str
    text_en: str
    text_zh: str
    site: str | None
    trade: str | None
    start: Instant | None
    end: Instant | None


class EntryItem(BaseModel):
    """What every entry says besides its settings."""

    key: str
    version: int
    """Counts changes; also the ETag."""
    changed_at: Instant | None
    changed_by: str | None
    warnings: Annotated[list[HoleItem], Field(default_factory=list[HoleItem])]
    """Holes that were accepted when it was saved just now."""


Item = TypeVar("Item", bound=EntryItem)


def hole_item(hole: Hole) -> HoleItem:
    """Show a hole."""
    return HoleItem.model_validate(hole, from_attributes=True)


def item_of(shape: type[Item], row: Entry, holes: list[Hole] | None = None) -> Item:
    """Show a row with its settings."""
    about = {
        "key": row.key,
        "version": row.version,
        "changed_at": row.changed_at,
        "changed_by": row.changed_by,
        "warnings": [hole_item(hole) for hole in holes or []],
    }
    return shape.model_validate(row.body | about)


class EntryPages(PageOf[Item]):
    """Pages of one kind of entries, by key."""

    def __init__(self, kind: Kind[Any], item: type[Item]) -> None:
        super().__init__(item)
        self._item = item
        self._listing = Listing(select(*columns_of(kind.table)), key=kind.table.key)

    def list(
        self,
        use: Services,
        *,
        limit: int,
        cursor: str | None,
        shown: Callable[[Item], Item] = lambda item: item,
        after: Iterable[Item] = (),
    ) -> Response:
        """Answer with a page.

        Args:
            use: The services.
            limit: How many.
            cursor: Of the page before.
            shown: Takes away what not everybody may see.
            after: Items that follow the last page.
        """
        found = use.records.read(
            lambda session: self._listing.page(session, limit=limit, cursor=cursor)
        )
        return self.answer(found, lambda row: shown(item_of(self._item, row)), after=after)


def show_entry(
    use: Services, kind: Kind[Any], shape: type[Item], key: str, response: Response
) -> Item:
    """Return one entry; the ETag is its version."""
    item = use.records.read(lambda session: item_of(shape, get_entry(session, kind, key)))
    set_etag(response, item.version)
    return item


def save_entry(
    use: Services,
    kind: Kind[Body],
    shape: type[Item],
    key: str,
    body: Body,
    *,
    by: str,
    if_match: str | None,
    response: Response,
    accept_holes: bool = False,
) -> Item:
    """Make or replace an entry."""
    try:
        row, holes = use.records.write(
            lambda session: save(
                session,
                kind,
                key,
                body,
                by=by,
                now=use.clock.now_ms(),
                channels=channel_names(use.settings.messages),
                expected_version=expected_version(if_match),
                accept_holes=accept_holes,
            )
        )
    except StaleEntryError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, row.version)
    return item_of(shape, row, holes)


def delete_entry(
    use: Services, kind: Kind[Any], key: str, *, by: str, accept_holes: bool = False
) -> None:
    """Delete an entry that nothing names."""
    use.records.write(
        lambda session: remove(
            session,
            kind,
            key,
            by=by,
            now=use.clock.now_ms(),
            channels=channel_names(use.settings.messages),
            accept_holes=accept_holes,
        )
    )
