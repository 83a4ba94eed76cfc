"""Cursor paging: ``{items, next_cursor}``, stable while rows are added."""

import base64
import binascii
import json
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Integer, Select, bindparam
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.core.db import Base, table_of
from server.core.problem import FieldError

Item = TypeVar("Item")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

Condition: TypeAlias = ColumnElement[bool]
Filter: TypeAlias = Condition | Mapping[str, Condition]
"""What a list may be filtered by: a condition on the parameter with the filter's name, or one of
several conditions that are known by name."""

_LIMIT: Final = "page_limit"
_AFTER: Final = "page_after"


class Page(BaseModel, Generic[Item]):
    """Some of a list; ``next_cursor`` asks for what follows and is null at the end."""

    items: list[Item]
    next_cursor: str | None


class Found(NamedTuple):
    """The rows of one page; their columns are read by name, and they belong to no session."""

    rows: Sequence[Any]
    next_cursor: str | None


class Listing:
    """A list that is read in pages: its columns, its order, and what it may be filtered by.

    The statement of each combination of filters is built once, so that a page costs only its
    parameters and its rows.
    """

    def __init__(
        self,
        query: Select[Any],
        *,
        key: InstrumentedAttribute[Any],
        newest_first: bool = False,
        filters: Mapping[str, Filter] | None = None,
    ) -> None:
        """Describe a list.

        Args:
            query: The columns, with the joins that they need; each column has a name of its own.
            key: The unique column of the order and the cursor; one of the columns.
            newest_first: The largest key comes first.
            filters: The filters by name.
        """
        self._query = query
        self._key = key
        self._newest_first = newest_first
        self._filters = filters or {}
        # Its fields are read at a third of what SQLAlchemy's own rows cost.
        self._row: type[Any] = namedtuple("Row", query.selected_columns.keys())  # noqa: PYI024  # pyright: ignore[reportUntypedNamedTuple] (made of the columns)
        self._statements: dict[tuple[object, ...], Select[Any]] = {}

    def page(
        self,
        session: Session,
        *,
        limit: int,
        cursor: str | None = None,
        where: Condition | None = None,
        **chosen: object,
    ) -> Found:
        """Return the rows of one page and the cursor of what follows.

        Args:
            session: Where it is read.
            limit: How many rows.
            cursor: The cursor of the page before; None begins.
            where: Another condition, with its values; its statement is not kept.
            chosen: Filters by name; one that is None is left out.

        Raises:
            FieldError: The cursor did not come from this list.
        """
        given = {name: value for name, value in chosen.items() if value is not None}
        parameters: dict[str, object] = {**given, _LIMIT: limit + 1}
        if cursor is not None:
            parameters[_AFTER] = decode_cursor(cursor, self._key.type.python_type)
        statement = self._statement(given, later=cursor is not None, limited=True)
        if where is not None:
            statement = statement.where(where)
        rows = self._rows(session, statement, parameters)
        if len(rows) <= limit:
            return Found(rows, None)
        return Found(rows[:limit], encode_cursor(getattr(rows[limit - 1], self._key.key)))

    def all(self, session: Session, **chosen: object) -> Sequence[Any]:
        """Return every row that the filters leave, in the order of the list."""
        session.flush()
        statement = self._statement(chosen, later=False, limited=False)
        return self._rows(session, statement, chosen)

    @staticmethod
    def fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of any list)
        """Return the columns of a row by name."""
        return row._asdict()

    def _rows(
        self, session: Session, statement: Select[Any], parameters: Mapping[str, object]
    ) -> list[Any]:
        return list(map(self._row._make, session.connection().execute(statement, parameters)))

    def _statement(self, given: Mapping[str, object], *, later: bool, limited: bool) -> Select[Any]:
        picked = [
            (name, value if isinstance(self._filters[name], Mapping) else None)
            for name, value in given.items()
        ]
        shape = (later, limited, *picked)
        if shape not in self._statements:
            self._statements[shape] = self._build(picked, later=later, limited=limited)
        return self._statements[shape]

    def _build(
        self, picked: Sequence[tuple[str, object]], *, later: bool, limited: bool
    ) -> Select[Any]:
        query, key = self._query, self._key
        for name, choice in picked:
            condition = self._filters[name]
            query = query.where(
                condition[str(choice)] if isinstance(condition, Mapping) else condition
            )
        if later:
            after = bindparam(_AFTER, type_=key.type)
            query = query.where(key < after if self._newest_first else key > after)
        query = query.order_by(key.desc() if self._newest_first else key.asc())
        return query.limit(bindparam(_LIMIT, type_=Integer)) if limited else query


def columns_of(kind: type[Base], *without: str) -> list[ColumnElement[Any]]:
    """Return the columns of a table, for a ``Listing`` that shows all ``without`` some."""
    return [column for column in table_of(kind).columns if column.key not in without]


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


def _wrong_cursor() -> FieldError:
    return FieldError("query.cursor", "not a cursor of this list; leave it out to start again")
