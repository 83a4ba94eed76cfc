"""Ports with meters: DL/T 645, CJ/T 188, M-Bus."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from config.line_ports import MeterLine
from config.line_units import Cjt188Meters, Dlt645Meters
from config.protocol import Protocol
from config.shared_line import SharedLine


class Dlt645Port(Dlt645Meters, MeterLine, SharedLine):
    """A serial line with electricity meters that speak DL/T 645."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.DLT645})

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


class Cjt188Port(Cjt188Meters, MeterLine, SharedLine):
    """A serial line with water, gas and heat meters that speak CJ/T 188."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.CJT188})

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


class MbusPort(MeterLine):
    """An M-Bus behind a level converter: water, heat and other meters of EN 13757."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.MBUS})

    kind: Literal["mbus"] = Field(description="M-Bus.")
    timeout_s: float = Field(
        default=0.6,
        gt=0,
        le=60,
        description="Longest wait for one answer to begin, seconds; a slave begins within 330 bit "
        "times and 50 ms.",
    )
    turnaround_s: float = Field(
        default=0.05, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    baud: Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400] = Field(
        default=2400, description="Bits per second, of all slaves of the line."
    )
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    late_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="How long after its timeout an answer may still come, as through a network, "
        "seconds. An acknowledgement names nobody, so nothing else is asked meanwhile.",
    )

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


MeterPort: TypeAlias = Dlt645Port | Cjt188Port | MbusPort
