"""What ports have in common on which devices are asked, and serial lines."""

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Host, Settings
from config.protocol import Protocol

if TYPE_CHECKING:
    from typing import Literal


class PolledPort(Settings):
    """What every port has on which devices are asked."""

    PROTOCOLS: ClassVar[frozenset[Protocol]] = frozenset({Protocol.MODBUS})
    """What devices on it may speak."""

    timeout_s: float = Field(
        default=1.0, gt=0, le=60, description="Longest wait for one answer, seconds."
    )

    @property
    def quiet_s(self) -> float:
        """Silence kept before each request, seconds."""
        return 0.0

    @property
    def numbered(self) -> bool:
        """Whether answers carry the number of their request."""
        return False

    @property
    def protocols(self) -> frozenset[Protocol]:
        """What devices on it may speak."""
        return self.PROTOCOLS


class Timing(PolledPort):
    """What every line and every connection has."""

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
    def quiet_s(self) -> float:
        """Silence kept before each request, seconds."""
        return self.turnaround_s


class Server(NamedTuple):
    """A serial server that passes the bytes of a line through TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SerialPort(PolledPort):
    """A serial line of this machine; each kind has these options in its own sequence."""

    if TYPE_CHECKING:
        device: str
        parity: Literal["N", "E", "O"]
        stop_bits: Literal[1, 2]

    @property
    def place(self) -> str:
        """Where it is, as people say it."""
        return self.device

    @property
    def bits_per_second(self) -> int:
        """Its speed."""
        raise NotImplementedError

    @property
    def character_bits(self) -> int:
        """Bits of a character beside start, parity and stop bits."""
        return 8

    @property
    def setting(self) -> tuple[int, int, str, int]:
        """Bits per second, bits of a character, parity, stop bits."""
        return self.bits_per_second, self.character_bits, self.parity, self.stop_bits


class LinePort(SerialPort, Timing):
    """A serial line on which questions are asked one after the other."""

    @property
    def server(self) -> Server | None:
        """The serial server behind which the line is; None: it is of this machine."""
        return None

    @property
    def place(self) -> str:
        """Where it is, as people say it."""
        return str(self.server or self.device)


class MeterLine(LinePort):
    """A serial line of this machine or behind a serial server: exactly one of device and host."""

    device: str = Field(
        default="",
        description="Path of a line of this machine; prefer /dev/serial/by-id/...",
    )
    host: Host | None = Field(
        default=None,
        description="Instead of device: host name or address of a serial server that passes the "
        "bytes of the line through TCP. It has the settings of the line, which here are for the "
        "plan.",
    )
    port: int = Field(default=4001, ge=1, le=65535, description="TCP port of the serial server.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        message = "expected device (a serial line of this machine) or host (a serial server)"
        if not self.device and self.host is None:
            raise ConflictingSettingsError([Conflict((), f"{message}, got neither")])
        if self.device and self.host is not None:
            raise ConflictingSettingsError([Conflict(("host",), f"{message}, got both")])
        if self.device and "port" in self.model_fields_set:
            message = "of a serial server, but device names a line; remove one of them"
            raise ConflictingSettingsError([Conflict(("port",), message)])
        return self

    @property
    def server(self) -> Server | None:
        """The serial server behind which the line is; None: it is of this machine."""
        return None if self.host is None else Server(self.host, self.port)
