"""How the devices of one protocol are spoken to on a serial line, alone on it or beside others."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from config.base import Settings
from config.protocol import Protocol
from config.wires import Baud

MeterBaud = Literal[600, 1200, 2400, 4800, 9600, 19200]


class Framing(StrEnum):
    """How frames are marked on a serial line."""

    RTU = "rtu"
    """Bytes, a checksum, and silence between frames."""
    ASCII = "ascii"
    """Two hexadecimal letters for each byte; half as fast, for devices that know nothing else."""


class ModbusUnits(Settings):
    """Units of Modbus RTU or ASCII on a serial line."""

    PROTOCOL: ClassVar[Protocol] = Protocol.MODBUS

    kind: Literal["modbus_rtu"] = Field(description="Modbus RTU.")
    turnaround_s: float = Field(
        default=0.0, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    framing: Framing = Field(default=Framing.RTU, description="Frames on the line: rtu or ascii.")
    baud: Baud = Field(default=9600, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    data_bits: Literal[7, 8] = Field(
        default=8, description="Bits of a character; 7 only with framing ascii."
    )

    @model_validator(mode="after")
    def _whole_bytes(self) -> Self:
        if self.data_bits != 8 and self.framing is Framing.RTU:  # noqa: PLR2004 (bits of a byte)
            message = "data_bits: 7 carries no RTU frame; it needs framing: ascii"
            raise ValueError(message)
        return self


def _clock_at(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"expected HH:MM in quotes, such as '03:20', got {text!r}")
    if not "00:10" <= text <= "23:49":
        raise ValueError(
            f"expected 00:10 to 23:49: meters take no time around midnight, got {text}"
        )
    return text


class MeterOptions(Settings):
    """What meters of DL/T 645 want, whatever the line."""

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
    clock_at: Annotated[str, AfterValidator(_clock_at)] | None = Field(
        default=None,
        description="When the clocks of all meters are set, once a day: HH:MM in quotes, as they "
        "show it, by a broadcast that none answers. Absent: never.",
    )
    clock_seconds_first: bool = Field(
        default=True,
        description="Order of the bytes of that time: seconds first; false: the year, for meters "
        "that take nothing else.",
    )


class Dlt645Meters(MeterOptions):
    """Electricity meters of DL/T 645 on a serial line."""

    PROTOCOL: ClassVar[Protocol] = Protocol.DLT645
    COMMANDS_NEED: ClassVar[str] = "password_file"
    """The option without which none of them can be commanded."""

    kind: Literal["dlt645"] = Field(description="DL/T 645.")
    turnaround_s: float = Field(
        default=0.05, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    baud: MeterBaud = Field(
        default=2400,
        description="Bits per second: 2400 of most meters of the 2007 edition, 1200 of 1997.",
    )
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")


class Cjt188Meters(Settings):
    """Water, gas and heat meters of CJ/T 188 on a serial line."""

    PROTOCOL: ClassVar[Protocol] = Protocol.CJT188
    COMMANDS_NEED: ClassVar[str] = "valve_code_file"
    """The option without which none of them can be commanded."""

    kind: Literal["cjt188"] = Field(description="CJ/T 188.")
    turnaround_s: float = Field(
        default=0.05, ge=0, le=5, description="Silence kept before each request, seconds."
    )
    baud: MeterBaud = Field(default=2400, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    wake_up: int = Field(
        default=4, ge=0, le=4, description="Bytes FE that are sent before each request."
    )
    valve_code_file: Path | None = Field(
        default=None,
        description="File with what opens and closes the valves of meters, one line for each: "
        "METER OPEN CLOSE, hexadecimal (55 and 99 of many), METER is * for all others; with mode "
        "0600. Needed where a valve is writable.",
    )


class MeterSettings(MeterOptions):
    """Meters of DL/T 645 on the same pair as Modbus: the earlier form of an entry of ``also``."""

    baud: MeterBaud = Field(default=2400, description="Bits per second.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even, O odd.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")
    change_s: float = Field(
        default=0.05,
        ge=0,
        le=5,
        description="Silence kept after each change of the line's settings, seconds, where the "
        "port does not say it.",
    )


LineUnits: TypeAlias = Annotated[
    ModbusUnits | Dlt645Meters | Cjt188Meters, Field(discriminator="kind")
]
"""What may share a pair of wires."""
