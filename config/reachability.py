"""A point of equipment that is only there or not: whether a host answers, and how fast."""

from typing import ClassVar, Final, Literal, TypeAlias

from pydantic import Field

from config.coding import DataType
from config.protocol_point import UncodedPoint
from config.writable import Writable

Probe: TypeAlias = Literal["ping", "tcp"]
REACHABLE: Final = "reachable"


class ProbePoint(UncodedPoint):
    """Whether a host answers: a probe instead of a table and an address.

    A host that does not answer is a good reading, false. What the gateway itself cannot ask (no
    right to ping, a name that nobody knows, no network) is a bad one, cannot_ask.
    """

    TAG: ClassVar[str] = "probe"
    writable: ClassVar[Writable | None] = None
    scale: ClassVar[float] = 1.0
    bits: ClassVar[int] = 16
    is_scaled: ClassVar[bool] = False

    probe: Probe = Field(
        description="How the host is asked: ping, an ICMP echo, which the kernel must allow "
        "(docs/reachability.md), or tcp, a connection that is closed at once."
    )
    tcp_port: int | None = Field(
        default=None, ge=1, le=65535, description="Of probe tcp: 554 of most cameras, 80, 443, ..."
    )
    refused_is_there: bool = Field(
        default=False,
        description="Of probe tcp: a host that refuses the connection is there; default: what "
        "listens on the port is asked for, not the host.",
    )
    gives: Literal["reachable", "round_trip_ms"] = Field(
        default="reachable",
        description="reachable: true or false; round_trip_ms: milliseconds to the answer, a bad "
        "reading (not_available) while there is none.",
    )

    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""
        wrong = {
            "probe tcp needs tcp_port: 1..65535": self.probe == "tcp" and self.tcp_port is None,
            "tcp_port means nothing to probe ping; remove it": self.probe == "ping"
            and self.tcp_port is not None,
            "refused_is_there means nothing to probe ping; remove it": self.probe == "ping"
            and self.refused_is_there,
            "totalizer means nothing to a round trip; remove it": self.totalizer,
        }
        return next((problem for problem, is_so in wrong.items() if is_so), "")

    @property
    def type(self) -> DataType:
        """What it is, in the words of register points."""
        return DataType.BIT if self.gives == REACHABLE else DataType.FLOAT64

    @property
    def where(self) -> str:
        """How it is asked, as people say it."""
        return "ping" if self.tcp_port is None else f"tcp {self.tcp_port}"
