"""The interface of a channel: it tries to deliver one message and returns the outcome."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from server.messages.queue import Outgoing
from server.messages.rate_limits import DeliveryPolicy


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver has it, or the provider has accepted it.

    Attributes:
        receipt: The provider's number; it can be asked later what became of the message.
    """

    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The message did not arrive; another attempt may help.

    Attributes:
        retry_after_s: The receiver asked for a pause of that length.
    """

    error: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """The provider takes no more for a while; the message did not arrive."""

    error: str
    pause_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The message can never arrive; another attempt is useless until a person changes something."""

    error: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the message arrived is not known; the provider may know later."""

    error: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider says that it has arrived."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """The provider does not know the message: it may be sent without being doubled."""

    error: str


Outcome = Sent | Failed | Throttled | Refused | Unknown
"""Of an attempt."""
DeliveryStatus = Delivered | Sent | Refused | Unsent | Unknown
"""Of a message that was handed over earlier; ``Sent`` means that it is still on its way."""


class Channel(Protocol):
    """One way to reach people; a message may come twice, its key says so."""

    async def __aenter__(self) -> Self:
        """Open what is needed."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        ...

    @property
    def timeout_s(self) -> float:
        """Longest time that ``send`` and ``ask`` take, seconds."""
        ...

    def policy(self, address: str) -> DeliveryPolicy:
        """Return the budgets for this address and whether a message may be repeated."""
        ...

    def check_address(self, address: str) -> str | None:
        """Return what is wrong with an address, or None."""
        ...

    async def send(self, message: Outgoing) -> Outcome:
        """Try once; trouble with the receiver is an outcome, never an exception."""
        ...


@runtime_checkable
class Traceable(Protocol):
    """A channel whose provider can be asked what became of a message."""

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        """Ask once; trouble with the provider is ``Unknown``, never an exception."""
        ...
