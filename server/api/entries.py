"""What persons, teams, rosters and policies share: shapes, paging, saving."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Path, Query, Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select

from config.base import IDENTIFIER_PATTERN
from server.api.context import Services
from server.api.etag import expected_version, set_etag
from server.api.pages import PageOf
from server.api.shapes import Instant
from server.core.paging import Listing, columns_of
from server.core.problem import ProblemError
from server.people.channels import channel_names
from server.people.coverage import CoverageGap
from server.people.model import Entry
from server.people.service import Body, Kind, StaleEntryError, get_entry, remove, save

Key = Annotated[
    str, Path(max_length=64, pattern=IDENTIFIER_PATTERN, description="Chosen by whoever makes it.")
]


def _accept_gaps(
    accept_gaps: Annotated[  # noqa: FBT002 (a query parameter)
        bool,
        Query(
            description="True: hours or steps that reach nobody by that are no reason to refuse."
        ),
    ] = False,
    accept_holes: Annotated[  # noqa: FBT002 (same)
        bool, Query(deprecated=True, description="The name of accept_gaps before.")
    ] = False,
) -> bool:
    return accept_gaps or accept_holes


AcceptGaps = Annotated[bool, Depends(_accept_gaps)]


class CoverageGapItem(BaseModel):
    """Hours or a step in which a call would reach nobody."""

    kind: str
    text_en: str
    text_zh: str
    site: str | None
    trade: str | None
    start: Instant | None
    end: Instant | None


class AcceptsGapsIn(BaseModel):
    """A body with accept_gaps under its earlier name too, or under both as it is shown."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        values = cast("dict[str, object]", given)
        new, old = values.get("accept_gaps"), values.get("accept_holes")
        if new is None or new != old:
            return values
        return {key: value for key, value in values.items() if key != "accept_holes"}


class EntryItem(BaseModel):
    """What every entry says besides its settings."""

    key: str
    version: int
    """Counts changes; also the ETag."""
    changed_at: Instant | None
    changed_by: str | None
    warnings: Annotated[list[CoverageGapItem], Field(default_factory=list[CoverageGapItem])]
    """Gaps that were accepted when it was saved just now."""


Item = TypeVar("Item", bound=EntryItem)


def gap_item(gap: CoverageGap) -> CoverageGapItem:
    """Show a gap."""
    return CoverageGapItem.model_validate(gap, from_attributes=True)


def item_of(shape: type[Item], row: Entry, gaps: list[CoverageGap] | None = None) -> Item:
    """Show a row with its settings."""
    about = {
        "key": row.key,
        "version": row.version,
        "changed_at": row.changed_at,
        "changed_by": row.changed_by,
        "warnings": [gap_item(gap) for gap in gaps or []],
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
    accept_gaps: bool = False,
) -> Item:
    """Make or replace an entry."""
    try:
        row, gaps = use.records.write(
            lambda session: save(
                session,
                kind,
                key,
                body,
                by=by,
                now=use.clock.now_ms(),
                channels=channel_names(use.settings.messages),
                expected_version=expected_version(if_match),
                accept_gaps=accept_gaps,
            )
        )
    except StaleEntryError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, row.version)
    return item_of(shape, row, gaps)


def delete_entry(
    use: Services, kind: Kind[Any], key: str, *, by: str, accept_gaps: bool = False
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
            accept_gaps=accept_gaps,
        )
    )
