"""What a channel is: it tries to deliver one message and says how that went."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from server.core.outbox import Outgoing


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not arrive; another attempt may help.

    Attributes:
        retry_after_s: The receiver asked to be left alone that long.
    """

    error: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never arrive; trying again is useless until a person changes something."""

    error: str


Outcome = Sent | Failed | Refused


class Channel(Protocol):
    """One way to reach one receiver; a message may come twice, its key says so."""

    async def __aenter__(self) -> Self:
        """Open what is needed."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it."""
        ...

    async def send(self, message: Outgoing) -> Outcome:
        """Try once; trouble with the receiver is an outcome, never an exception."""
        ...
