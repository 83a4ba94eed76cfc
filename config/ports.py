"""The ports of a gateway. One task owns one port and everything on it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Host, Settings
from config.listening import Gb26875TcpPort
from config.protocol import Protocol


class Framing(StrEnum):
    """How frames are marked on a serial line."""

    RTU = "rtu"
    """Bytes, a checksum, and silence between frames."""
    ASCII = "ascii"
    """Two hexadecimal letters for each byte; half as fast, for devices that know nothing else."""


class Accept(StrEnum):
    """What the header of an answer on Modbus TCP must repeat of the question's."""

    EXACT = "exact"
    """Transaction and unit."""
    ANY_UNIT = "any_unit"
    """The transaction; the unit may be another."""
    ANY_NUMBER = "any_number"
    """Nothing: function and length decide, as on a serial line."""


class Timing(Settings):
    """What every port has."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.MODBUS})
    """What devices on it may speak."""

    timeout_s: float = Field(
        default=1.0, gt=0, le=60, description="Longest wait for one answer, seconds."
    )
    turnaround_s: float = Field(
        default=0.0, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    connect_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="Silence kept after the connection or the line was opened, for a device that "
        "hears nothing at first or sends a banner, seconds.",
    )

    @property
    def numbered(self) -> bool:
        """Whether answers carry the number of their request."""
        return False

    @property
    def protocols(self) -> frozenset[Protocol]:
        """What devices on it may speak."""
        return self.PROTOCOLS

    @property
    def of_meters(self) -> "Dlt645Port | None":
        """It as a line of meters; None: there are none on it."""
        return None


Baud = Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]


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


class LinePort(Timing):
    """A serial line of this machine; each kind has these options in its own sequence."""

    if TYPE_CHECKING:
        device: str
        parity: Literal["N", "E", "O"]
        stop_bits: Literal[1, 2]

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        raise NotImplementedError

    @property
    def character_bits(self) -> int:
        """Bits of a character beside start, parity and stop bits."""
        return 8


MeterBaud = Literal[600, 1200, 2400, 4800, 9600, 19200]


class MeterOptions(Settings):
    """What meters want, whatever the line."""

    wake_up: int = Field(
        default=4, ge=0, le=16, description="Bytes FE that are sent before each request."
    )
    password_file: Path | None = Field(
        default=None,
        description="File with what meters want before they trip or close, one line for each: "
        "METER LEVEL PASSWORD OPERATOR, METER is * for all others; with mode 0600. Needed where a "
        "relay is writable.",
    )
    relay_close: Literal["close", "allow_close"] = Field(
        default="close",
        description="What a command to close says: close at once, or allow_close, after which "
        "somebody presses the key of the meter.",
    )
    command_valid_s: float = Field(
        default=900.0,
        ge=60,
        le=86400,
        description="Until when a command is valid, seconds from now by the clock of the meter; "
        "more where the clocks of meters are off.",
    )
    meter_utc_offset_h: float = Field(
        default=8.0, ge=-12, le=14, description="What clocks of meters show before UTC, hours."
    )


class Dlt645Port(MeterOptions, LinePort):
    """A serial line with electricity meters that speak DL/T 645."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.DLT645})

    kind: Literal["dlt645"] = Field(description="DL/T 645.")
    turnaround_s: float = Field(
        default=0.05, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    device: str = Field(min_length=1, description="Device path; prefer /dev/serial/by-id/...")
    baud: MeterBaud = Field(
        default=2400,
        description="Bits per second: 2400 of most meters of the 2007 edition, 1200 of 1997.",
    )
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")

    @property
    def of_meters(self) -> "Dlt645Port":
        """It as a line of meters."""
        return self

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


class Cjt188Port(LinePort):
    """A serial line with water, gas and heat meters that speak CJ/T 188."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.CJT188})

    kind: Literal["cjt188"] = Field(description="CJ/T 188.")
    turnaround_s: float = Field(
        default=0.05, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    device: str = Field(min_length=1, description="Device path; prefer /dev/serial/by-id/...")
    baud: MeterBaud = Field(default=2400, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    wake_up: int = Field(
        default=4, ge=0, le=4, description="Bytes FE that are sent before each request."
    )

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud


class MeterSettings(MeterOptions):
    """Meters of DL/T 645 on the same pair as Modbus; the line changes its settings in between."""

    baud: MeterBaud = Field(default=2400, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    change_s: float = Field(
        default=0.05,
        ge=0,
        le=5,
        description="Silence kept after each change of the line's settings, seconds; the plan "
        "counts it for each request.",
    )


class ModbusRtuPort(LinePort):
    """A serial line with Modbus RTU or ASCII."""

    kind: Literal["modbus_rtu"] = Field(description="Modbus RTU.")
    framing: Framing = Field(default=Framing.RTU, description="Frames on the line: rtu or ascii.")
    device: str = Field(min_length=1, description="Device path; prefer /dev/serial/by-id/...")
    baud: Baud = Field(default=9600, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    data_bits: Literal[7, 8] = Field(
        default=8, description="Bits of a character; 7 only with framing ascii."
    )
    meters: MeterSettings | None = Field(
        default=None,
        description="Settings for meters of DL/T 645 on the same pair; absent: there are none.",
    )

    @model_validator(mode="after")
    def _whole_bytes(self) -> Self:
        if self.data_bits != 8 and self.framing is Framing.RTU:  # noqa: PLR2004 (bits of a byte)
            message = "data_bits: 7 carries no RTU frame; it needs framing: ascii"
            raise ValueError(message)
        return self

    @property
    def protocols(self) -> frozenset[Protocol]:
        """What devices on it may speak."""
        return self.PROTOCOLS if self.meters is None else self.PROTOCOLS | {Protocol.DLT645}

    @property
    def of_meters(self) -> Dlt645Port | None:
        """The same pair as a line of meters; None: there are none on it."""
        if self.meters is None:
            return None
        options = self.meters.model_dump(exclude={"change_s"})
        line = {"kind": "dlt645", "device": self.device, "timeout_s": self.timeout_s}
        return Dlt645Port.model_validate(line | options)

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        return self.baud

    @property
    def character_bits(self) -> int:
        """Bits of a character beside start, parity and stop bits."""
        return self.data_bits


Port: TypeAlias = Annotated[
    ModbusTcpPort | ModbusRtuOverTcpPort | ModbusRtuPort | Dlt645Port | Cjt188Port,
    Field(discriminator="kind"),
]
AnyPort: TypeAlias = Annotated[
    ModbusTcpPort | ModbusRtuOverTcpPort | ModbusRtuPort | Dlt645Port | Cjt188Port | Gb26875TcpPort,
    Field(discriminator="kind"),
]
"""Polled or listened on."""
ModbusPort: TypeAlias = ModbusTcpPort | ModbusRtuOverTcpPort | ModbusRtuPort
