"""How a page leaves: checked against its shape and written as JSON, once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from fastapi import Response
from pydantic import BaseModel, TypeAdapter

from server.core.paging import Found, Page, decode_cursor, encode_cursor

Item = TypeVar("Item", bound=BaseModel)


class PageOf(Generic[Item]):
    """Pages of one shape.

    ``model`` is what OpenAPI shows of them: give it to the route as ``response_model``. The route
    returns what ``answer`` makes, which the framework passes on as it is.
    """

    def __init__(self, item: type[Item]) -> None:
        self.model = Page[item]
        self._adapter: TypeAdapter[Page[Item]] = TypeAdapter(self.model)

    def answer(
        self,
        found: Found,
        fields: Callable[[Any], Mapping[str, Any] | Item],
        *,
        after: Iterable[Item] = (),
    ) -> Response:
        """Return the answer with a page.

        Args:
            found: The rows.
            fields: Returns what is shown of a row: the item, or its fields by name.
            after: Items that follow the last page.
        """
        items: list[Mapping[str, Any] | Item] = [fields(row) for row in found.rows]
        if found.next_cursor is None:
            items += after
        page = self._adapter.validate_python({"items": items, "next_cursor": found.next_cursor})
        return Response(self._adapter.dump_json(page, by_alias=True), media_type="application/json")


def part_of(
    items: Sequence[Item], key: Callable[[Item], str], *, limit: int, cursor: str | None
) -> Found:
    """Return a page of what is in memory, sorted by its unique ``key``.

    Raises:
        FieldError: The cursor did not come from this list.
    """
    after = None if cursor is None else str(decode_cursor(cursor, str))
    rest = sorted((one for one in items if after is None or key(one) > after), key=key)
    more = len(rest) > limit
    return Found(rest[:limit], encode_cursor(key(rest[limit - 1])) if more else None)
