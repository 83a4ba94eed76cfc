"""What meters are told: their relays, and all of them the time (pure)."""

from typing import NamedTuple

from config.protocol import Protocol
from protocols.dlt645.requests import Request


class RelayTarget(NamedTuple):
    """The relay of a meter.

    Attributes:
        point: Its name among the points of the device.
    """

    point: str

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.DLT645


class Broadcast(NamedTuple):
    """What is sent to all meters of a line and none answers.

    Attributes:
        request: What goes out.
    """

    request: Request

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.DLT645
