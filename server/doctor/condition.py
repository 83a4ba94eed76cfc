"""What a server that runs says of itself, asked through its door."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from server.control.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Condition:
    """Of one process.

    Attributes:
        version: Of Plantroom.
        pid: Its process.
        parts: Whether each works.
        late_s: Of each part that is late: since when its oldest work waits, seconds.
        notes: What people should know of a part.
    """

    version: str
    pid: int
    parts: Mapping[str, bool]
    late_s: Mapping[str, float]
    notes: Mapping[str, str]

    @classmethod
    def of(cls, server: Visitor) -> Self:
        """Ask.

        Raises:
            StoreError: The server does not answer.
            InvalidError: It is of an older version that does not know the question.
        """
        return cls(**server.ask("condition", {}, timeout_s=_ANSWER_S).head)


_ANSWER_S = 10.0
