"""The ports of a gateway. One task owns one port and everything on it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Host
from config.fire_panel import FirePanelPort
from config.line_ports import PolledPort, SerialPort, Timing
from config.line_units import Dlt645Meters, Framing, LineUnits, MeterSettings, ModbusUnits
from config.listening import Gb26875SerialPort, Gb26875TcpPort
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort
from config.osdp import OsdpOptions
from config.protocol import Protocol
from config.shared_line import SharedLine
from config.wires import Baud
from protocols.osdp.cards import CardMask


class Accept(StrEnum):
    """What the header of an answer on Modbus TCP must repeat of the question's."""

    EXACT = "exact"
    """Transaction and unit."""
    ANY_UNIT = "any_unit"
    """The transaction; the unit may be another."""
    ANY_NUMBER = "any_number"
    """Nothing: function and length decide, as on a serial line."""


class ModbusTcpPort(Timing):
    """A Modbus TCP endpoint; its units share one connection."""

    kind: Literal["modbus_tcp"] = Field(description="Modbus TCP.")
    host: Host = Field(description="Host name or address.")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port.")
    line_baud: Baud | None = Field(
        default=None,
        description="Bits per second of the serial line behind a gateway; unset: there is none.",
    )
    accept_answers: Accept = Field(
        default=Accept.EXACT,
        description="What the header of an answer may differ in, on a port with one unit. exact: "
        "nothing; any_unit: the unit; any_number: unit, transaction, protocol and length, late "
        "answers are then waited for as on a serial line.",
    )

    @property
    def numbered(self) -> bool:
        """Whether answers carry the number of their request."""
        return self.accept_answers is not Accept.ANY_NUMBER


class ModbusRtuOverTcpPort(Timing):
    """A serial server that passes RTU or ASCII frames through a TCP connection."""

    kind: Literal["modbus_rtu_over_tcp"] = Field(description="Modbus RTU in TCP.")
    framing: Framing = Field(default=Framing.RTU, description="Frames on the line: rtu or ascii.")
    host: Host = Field(description="Host name or address.")
    port: int = Field(default=4001, ge=1, le=65535, description="TCP port.")
    line_baud: Baud = Field(
        default=9600, description="Bits per second of the line behind the serial server."
    )


class OsdpPort(OsdpOptions, SerialPort):
    """A serial line with readers of doors that speak OSDP; Plantroom is their control panel."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.OSDP})

    kind: Literal["osdp"] = Field(description="OSDP (IEC 60839-11-5).")
    timeout_s: float = Field(
        default=3.0, gt=0, le=60, description="Longest wait until a command is taken, seconds."
    )
    device: str = Field(min_length=1, description="Device path; prefer /dev/serial/by-id/...")
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = Field(
        default=9600, description="Bits per second."
    )
    parity: Literal["N", "E", "O"] = Field(default="N", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")

    @model_validator(mode="after")
    def _secrets(self) -> Self:
        if self.key_file is None and any(one.secure_channel for one in self.readers.values()):
            message = "readers with a secure channel need a key_file (docs/doors.md)"
            raise ValueError(message)
        if self.card_mask is CardMask.HASH and self.salt_file is None:
            message = "card_mask: hash needs a salt_file"
            raise ValueError(message)
        return self

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


class ModbusRtuPort(ModbusUnits, SharedLine):
    """A serial line with Modbus RTU or ASCII."""

    device: str = Field(min_length=1, description="Device path; prefer /dev/serial/by-id/...")
    meters: MeterSettings | None = Field(
        default=None,
        description="The earlier form of also: [{kind: dlt645}]; absent: not used.",
    )

    @property
    def others(self) -> tuple[LineUnits, ...]:
        """What is spoken on the same pair beside its own protocol."""
        if self.meters is None:
            return self.also
        given = {name: value for name, value in self.meters if name != "change_s"}
        return (*self.also, Dlt645Meters.model_construct(kind="dlt645", **given))

    @property
    def silence_s(self) -> float:
        """Silence kept after each change of the line's settings, seconds."""
        if self.meters is None or "change_s" in self.model_fields_set:
            return self.change_s
        return self.meters.change_s

    def with_others(self, others: Sequence[LineUnits]) -> Self:
        """Return the same line with something else beside its own protocol."""
        update = {"also": tuple(others), "meters": None, "change_s": self.silence_s}
        return self.model_copy(update=update)

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud

    @property
    def character_bits(self) -> int:
        """Bits of a character beside start, parity and stop bits."""
        return self.data_bits


class ReachabilityPort(PolledPort):
    """Hosts of the network that are only there or not; see docs/reachability.md."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.REACHABILITY})

    kind: Literal["reachability"] = Field(description="Hosts: there or not.")
    attempts: int = Field(
        default=2,
        ge=1,
        le=10,
        description="Tries without an answer within timeout_s, until a host is not there.",
    )

    @property
    def longest_s(self) -> float:
        """How long a host that does not answer is waited for, seconds."""
        return self.attempts * self.timeout_s


Port: TypeAlias = Annotated[
    ModbusTcpPort
    | ModbusRtuOverTcpPort
    | ModbusRtuPort
    | Dlt645Port
    | Cjt188Port
    | OsdpPort
    | MbusPort
    | ReachabilityPort,
    Field(discriminator="kind"),
]
HearingPort: TypeAlias = Gb26875TcpPort | Gb26875SerialPort | FirePanelPort
"""The equipment speaks first."""
AnyPort: TypeAlias = Annotated[
    ModbusTcpPort
    | ModbusRtuOverTcpPort
    | ModbusRtuPort
    | Dlt645Port
    | Cjt188Port
    | OsdpPort
    | MbusPort
    | ReachabilityPort
    | Gb26875TcpPort
    | Gb26875SerialPort
    | FirePanelPort,
    Field(discriminator="kind"),
]
"""Polled or listened on."""
ModbusPort: TypeAlias = ModbusTcpPort | ModbusRtuOverTcpPort | ModbusRtuPort
