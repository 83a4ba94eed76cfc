"""A request that holds its Idempotency-Key: what it does and its answer are one transaction."""

from collections.abc import Callable
from typing import NamedTuple, cast

from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.core.errors import ConflictError
from server.core.model import IdempotentReply

IN_PROGRESS = 0
"""Status of a reply of which nothing is written yet."""
STATE = "reservation"
"""Name in the state of a request."""


class Reservation(NamedTuple):
    """Who does the work of a key."""

    key: str
    owner: str
    """Process and request; whoever is not it any more writes nothing."""
    keeps: bool
    """Its answer may be kept."""

    def noting(self, status: int) -> Callable[[Session, object], None]:
        """Return what each transaction of the request ends with.

        Args:
            status: Of the answer, when it is none of an error.
        """

        def note(session: Session, result: object) -> None:
            row = session.get(IdempotentReply, self.key, with_for_update=True)
            if row is None or row.owner != self.owner:
                raise ConflictError("another request with this Idempotency-Key does this now")
            row.status = status
            row.body = {"committed": True}
            answer = _answer_of(result)
            if self.keeps and answer is not None:
                row.body |= {"content": answer.model_dump(mode="json", by_alias=True)}

        return note


def _answer_of(result: object) -> BaseModel | None:
    """Return the answer among what a transaction returns: it alone, or with its version."""
    parts = cast("tuple[object, ...]", result) if isinstance(result, tuple) else (result,)
    return next((one for one in parts if isinstance(one, BaseModel)), None)
