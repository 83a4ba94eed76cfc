"""Lines of equipment that speaks first: of this gateway, or behind a serial server."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Host, Settings

Baud: TypeAlias = Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200]
Parity: TypeAlias = Literal["N", "E", "O"]


class SerialLine(NamedTuple):
    """A serial line of this gateway and its settings."""

    device: str
    bits_per_second: int
    parity: str
    stop_bits: int
    character_bits: int = 8

    def __str__(self) -> str:
        frame = f"{self.character_bits}{self.parity}{self.stop_bits}"
        return f"{self.device} {self.bits_per_second} {frame}"


class LineOptions(Settings):
    """Where the line is: exactly one of device and host."""

    device: str | None = Field(
        default=None,
        min_length=1,
        description="Device path of a serial line of this gateway; prefer /dev/serial/by-id/...",
    )
    host: Host | None = Field(
        default=None,
        description="Instead of device: host name or address of a serial server that passes the "
        "bytes of the line through a TCP connection. It has the settings of the line.",
    )
    port: int = Field(default=4001, ge=1, le=65535, description="TCP port of the serial server.")
    baud: Baud | None = Field(
        default=None, description="Bits per second; default: what the equipment is known to have."
    )
    parity: Parity | None = Field(
        default=None, description="N none, E even, O odd; default likewise."
    )
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits.")

    @property
    def line(self) -> SerialLine | None:
        """The serial line; None: it is behind a serial server."""
        if self.device is None:
            return None
        baud, parity = self.usual
        return SerialLine(self.device, self.baud or baud, self.parity or parity, self.stop_bits)

    @property
    def usual(self) -> tuple[int, str]:
        """Speed and parity where the file says none."""
        return 9600, "N"

    @property
    def line_place(self) -> tuple[str, str]:
        """The option that says where the line is, and where that is."""
        if self.device is not None:
            return "device", self.device
        return "host", f"{self.host}:{self.port}"

    @property
    def line_where(self) -> str:
        """Where the line is, with its settings, for people."""
        return str(self.line or f"serial server {self.host}:{self.port}")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if conflicts := list(_conflicts(self)):
            raise ConflictingSettingsError(conflicts)
        return self


def _conflicts(line: LineOptions) -> Iterator[Conflict]:
    given = line.model_fields_set
    if line.device is None and line.host is None:
        message = "expected device (a serial line of this gateway) or host (a serial server)"
        yield Conflict((), f"{message}, got neither")
    elif line.device is not None:
        for key in sorted({"host", "port"} & given):
            yield Conflict(
                (key,), "of a serial server, but device names a line; remove one of them"
            )
    else:
        for key in sorted({"baud", "parity", "stop_bits"} & given):
            yield Conflict((key,), "the serial server has the settings of its line; remove it")
