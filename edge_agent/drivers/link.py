"""Bytes to and from the wire: a TCP connection (see connection), or a serial line."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias


class LineSetting(NamedTuple):
    """How bytes are sent on a line."""

    baud: int
    data_bits: int
    parity: str
    stop_bits: int


class Link(Protocol):
    """An open wire. What arrives is appended to ``received``, then ``on_change`` is called."""

    @property
    def received(self) -> bytearray:
        """Bytes not yet taken; the driver removes what it has used."""
        ...

    @property
    def lost(self) -> str:
        """Why the wire is gone; empty while it is there."""
        ...

    @property
    def on_change(self) -> Callable[[], None]:
        """Called after bytes arrived or the wire was lost."""
        ...

    @on_change.setter
    def on_change(self, call: Callable[[], None], /) -> None: ...

    def send(self, data: bytes) -> None:
        """Hand bytes to the wire; raises PortDownError when it is gone."""
        ...

    def close(self, why: str = "closed") -> None:
        """Give the wire back; never raises and never waits."""
        ...

    async def closed(self) -> None:
        """Wait until it is given back, a moment at most."""
        ...


class AdjustableLink(Link, Protocol):
    """An open line whose settings can be changed."""

    def configure(self, setting: LineSetting) -> None:
        """Change the settings and drop what came before; raises PortDownError if it refuses."""
        ...


OpenLink: TypeAlias = Callable[[], Awaitable[Link]]
"""Opens a wire; raises PortDownError."""
OpenLine: TypeAlias = Callable[[], Awaitable[AdjustableLink]]


def ignore() -> None:
    """Do nothing: the ``on_change`` of a link without a user."""
