"""What is asked of an M-Bus slave: all that it has to say (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config.protocol import Protocol
from edge_agent.drivers.identified import IdentifiedQuestion

_ALL: Final = "all records"


@dataclass(frozen=True)
class RecordsQuestion(IdentifiedQuestion):
    """All telegrams of one slave; one question, whatever is wanted of them.

    Attributes:
        wire_s: Time that the bytes of its requests and answers need, seconds.
        reset: A slave with a primary address is reset before.
    """

    wire_s: float
    reset: bool

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.MBUS

    @property
    def address(self) -> str:
        """What is asked for, as people say it."""
        return _ALL

    @property
    def described(self) -> Mapping[str, object]:
        """What is asked for, as a field of a log event."""
        return {"identifier": _ALL}
