"""Cursor paging: ``{items, next_cursor}``, stable while rows are added."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.core.problem import FieldError

Item = TypeVar("Item")
Row = TypeVar("Row")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Page(BaseModel, Generic[Item]):
    """Some of a list; ``next_cursor`` asks for what follows and is null at the end."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(value: int | str) -> str:
    """Opaque text for the last key of a page."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kind: type) -> int | str:
    """The key in a cursor.

    Raises:
        FieldError: It did not come from this list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        value: object = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _wrong_cursor() from error
    if not isinstance(value, int | str) or type(value) is not kind:
        raise _wrong_cursor()
    if isinstance(value, int) and not 0 <= value < 2**63:
        raise _wrong_cursor()
    if isinstance(value, str) and not _may_be_a_key(value):
        raise _wrong_cursor()
    return value


def _may_be_a_key(text: str) -> bool:
    """Return whether a database can hold the text: no NUL and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def read_page(
    session: Session,
    statement: Select[Row],
    *,
    key: InstrumentedAttribute[Any],
    newest_first: bool,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Row], str | None]:
    """Run ``statement`` for one page, ordered by the unique column ``key``.

    The rows are plain: columns to read by name, at a third of what mapped objects cost. They
    belong to no session.
    """
    kind = key.type.python_type
    if cursor is not None:
        after = decode_cursor(cursor, kind)
        statement = statement.where(key < after if newest_first else key > after)
    ordered = statement.order_by(key.desc() if newest_first else key.asc()).limit(limit + 1)
    rows = read_plain(session, ordered)
    if len(rows) <= limit:
        return rows, None
    last: int | str = getattr(rows[limit - 1], key.key)
    return rows[:limit], encode_cursor(last)


def read_plain(session: Session, statement: Select[Row]) -> Sequence[Row]:
    """Run a query for the rows of one table, and return them to be read by column only."""
    table = statement.column_descriptions[0]["entity"].__table__
    plain = statement.with_only_columns(*table.columns, maintain_column_froms=True)
    return cast("Sequence[Row]", session.execute(plain).all())


def page_of(
    rows: tuple[Sequence[Row], str | None], shape: Callable[[Row], Item]
) -> dict[str, object]:
    """The page as the endpoint returns it; FastAPI checks it against ``Page``."""
    return {"items": [shape(row) for row in rows[0]], "next_cursor": rows[1]}


def _wrong_cursor() -> FieldError:
    return FieldError("query.cursor", "not a cursor of this list; leave it out to start again")
