"""What a driver needs from the side that receives fire alarm events, whatever the protocol (pure).

A session takes bytes and gives events; what it wants to be sent for an event it gives only after
``kept``: an event is acknowledged when it can no longer be lost. Time is a parameter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from protocols.fire.model import FireEvent

_MOST_SOURCES: Final = 256


class Moment(NamedTuple):
    """A point in time.

    Attributes:
        monotonic_s: Seconds that never run backwards.
        local: Time of the site without a zone, for the clocks of panels.
    """

    monotonic_s: float
    local: datetime


class AddressBytes(bytes):
    """Bytes that are sent with the address bit set, as mark parity; all others are sent without.

    A line without an address bit makes no difference.
    """

    __slots__ = ()


class Delivery(NamedTuple):
    """Events that are to be kept; the driver answers each with ``kept`` or ``not_kept``.

    Attributes:
        number: Name of the delivery in its session.
        source: Which equipment says it, an address or a number as text.
    """

    number: int
    source: str
    events: Sequence[FireEvent]


class NoticeKind(StrEnum):
    """What a session has to say about the connection."""

    LINK_LOST = "link_lost"
    """Nothing was heard for too long."""
    LINK_RESTORED = "link_restored"
    REJECTED = "rejected"
    """Bytes or a frame were refused."""
    REQUEST_FAILED = "request_failed"
    """A request or command was not answered, or denied, after all repetitions."""
    SENTRY_ANSWERED = "sentry_answered"
    SENTRY_MISSED = "sentry_missed"
    """Nobody answered the inspection of the sentry in time."""


class Notice(NamedTuple):
    """Something about the connection.

    Attributes:
        detail: For people: what is wrong, and with what.
    """

    kind: NoticeKind
    detail: str = ""


@dataclass
class Output:
    """What a session wants.

    Attributes:
        send: Bytes to send now, in this order.
        deliveries: Events to be kept.
    """

    send: list[bytes] = field(default_factory=list[bytes])
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    notices: list[Notice] = field(default_factory=list[Notice])


class PanelSession(Protocol):
    """The receiving side of one connection."""

    def opened(self, moment: Moment) -> None:
        """Begin anew on a line that was opened, perhaps again: what was half heard is forgotten."""
        ...

    def is_heard(self, moment: Moment) -> bool:
        """Whether the equipment has spoken since then and is not silent for too long."""
        ...

    def receive(self, data: bytes, moment: Moment) -> Output:
        """Take bytes from the wire."""
        ...

    def tick(self, moment: Moment) -> Output:
        """Do what is due; called at least each second."""
        ...

    def kept(self, number: int, moment: Moment) -> Sequence[bytes]:
        """Return what to send now that a delivery cannot be lost any more."""
        ...

    def not_kept(self, number: int) -> None:
        """Leave a delivery unanswered: the equipment says it again."""
        ...


class HeardSources:
    """Which equipment was heard lately, over all of its connections; 256 at most.

    Args:
        expected: Sources that must be heard, also when they have never connected.
        silence_s: So long without a word is a lost link.
    """

    def __init__(self, expected: Iterable[str] = (), *, silence_s: float, now_s: float) -> None:
        self._silence_s = silence_s
        self._heard = dict.fromkeys(expected, now_s)
        self._lost: set[str] = set()

    def heard(self, source: str, *, now_s: float) -> bool:
        """Note that it spoke; returns whether its link was lost before."""
        if source in self._heard or len(self._heard) < _MOST_SOURCES:
            self._heard[source] = now_s
        was_lost = source in self._lost
        self._lost.discard(source)
        return was_lost

    def silent(self, *, now_s: float) -> Sequence[str]:
        """Return what is silent for too long now, each once."""
        found = [
            source
            for source, heard_s in self._heard.items()
            if now_s - heard_s > self._silence_s and source not in self._lost
        ]
        self._lost.update(found)
        return found
