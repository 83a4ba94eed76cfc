"""Notes the queries that a database is asked, for tests of how many there are."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def seen_queries(engine: Engine) -> Generator[list[str]]:
    """Note every query while the context lasts."""
    seen: list[str] = []

    def executed(*arguments: Any) -> None:
        if re.match(r"\s*(WITH|SELECT)", arguments[2]):
            seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", executed)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", executed)
