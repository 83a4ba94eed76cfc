"""Ports on which the equipment speaks first, and the points that its events become."""

from collections.abc import Iterator
from functools import cache
from typing import ClassVar, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from config.base import ClockTime, Host, Settings
from config.protocol import Protocol
from config.reporting import Reporting
from config.wires import LineOptions

FIRE_PANEL: Final = "fire_panel"
"""The class of what speaks on these ports."""
SENTRY_MISSED: Final = "sentry_missed"
"""The point that says whether the last inspection of the sentry was not answered."""

PanelStateName: TypeAlias = Literal[
    "fire",
    "fault",
    "shielded",
    "supervisory",
    "started",
    "feedback",
    "delayed",
    "mains_fault",
    "backup_fault",
    "bus_fault",
    "manual",
    "test",
    "prealarm",
]


class HeardPort(Settings):
    """What every port has on which the equipment speaks first."""

    PROTOCOL: ClassVar[Protocol]
    """What devices on it speak."""

    language: Literal["zh", "en"] = Field(
        default="zh", description="Language in which kinds of components are named: zh or en."
    )
    reset_scope: Literal["panel", "all"] = Field(
        default="panel", description="What a reset ends: what has its panel address, or all."
    )
    reset_clears: tuple[PanelStateName, ...] = Field(
        default=("fire", "prealarm", "supervisory", "started", "feedback", "delayed"),
        description="States that a reset of the panel ends.",
    )

    @property
    def place(self) -> tuple[str, str]:
        """The option that says what no other port may have, and what that is."""
        raise NotImplementedError

    @property
    def where(self) -> str:
        """Where it listens and for how long silence is no fault, for people."""
        raise NotImplementedError

    @property
    def is_line(self) -> bool:
        """Whether it carries one device: a line, no server."""
        return isinstance(self, LineOptions)

    @property
    def known_as(self) -> str:
        """What stands for the address of a device that has none."""
        return ""

    @property
    def points(self) -> "dict[str, HeardPoint]":
        """The points of its devices."""
        return {name: one for name, one in heard_points().items() if name != SENTRY_MISSED}

    def notes(self) -> Iterator[str]:
        """Yield what the integrator should know before relying on it."""
        yield from ()


class Gb26875Options(HeardPort):
    """What a centre of GB/T 26875.3 has, whatever the wire."""

    PROTOCOL: ClassVar[Protocol] = Protocol.GB26875

    time_zone: str = Field(
        default="Asia/Shanghai", description="Time zone of the site, for the clocks of the devices."
    )
    silence_s: float = Field(
        default=90.0,
        ge=5,
        le=86400,
        description="So long without a frame and a device does not answer, seconds.",
    )
    reply_timeout_s: float = Field(
        default=10.0, gt=0, le=120, description="Wait for the answer to a request, seconds."
    )
    resends: int = Field(
        default=3, ge=0, le=10, description="Repetitions of a request without an answer."
    )
    sets_clock: bool = Field(
        default=True, description="Set the clocks of the devices; false where another centre does."
    )
    clock_every_s: float = Field(
        default=86_400.0, ge=60, description="Time between two settings of a clock, seconds."
    )
    clock_tolerance_s: float = Field(
        default=60.0, ge=2, description="A clock that is off by more is set at once, seconds."
    )
    asks_states: bool = Field(
        default=True,
        description="Ask a device that connects for what is open; false for devices that deny it.",
    )
    confirms_user_commands: bool = Field(
        default=False, description="Confirm commands from 128, which are the maker's."
    )
    test_from_bit_0: bool = Field(
        default=False, description="Bit 0 = 0 is a test even when other bits are set."
    )
    words_are_events: bool = Field(
        default=False, description="A status word has only what has just happened, not all states."
    )
    inspects_sentry_at: tuple[ClockTime, ...] = Field(
        default=(),
        description="Local times, HH:MM, at which somebody in the fire control room has to press "
        "the answer key of the device (查岗); none: nobody is asked.",
    )
    sentry_minutes: int = Field(
        default=10, ge=1, le=255, description="Time to press that key, minutes."
    )
    system_normal_ends_fires: bool = Field(
        default=False, description='"No fire" of a whole system ends the fires of its components.'
    )
    transmitter_reset_resets: bool = Field(
        default=False, description="A reset of the transmission device is one of its panels."
    )

    @property
    def points(self) -> "dict[str, HeardPoint]":
        """Without the answer of the sentry where it is not asked for."""
        return heard_points() if self.inspects_sentry_at else super().points

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            message = f"no time zone {name!r}; expected a name such as Asia/Shanghai or UTC"
            raise ValueError(message) from None
        return name


class Gb26875TcpPort(Gb26875Options):
    """A TCP server for user information transmission devices, GB/T 26875.3 (docs/fire.md)."""

    kind: Literal["gb26875_tcp"] = Field(description="GB/T 26875.3, the receiving side.")
    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104
    port: int = Field(default=5200, ge=1, le=65535, description="TCP port to listen on.")

    @property
    def place(self) -> tuple[str, str]:
        """A TCP port of this machine, whatever the address."""
        return "port", f"TCP port {self.port} of this gateway"

    @property
    def where(self) -> str:
        """Where it listens."""
        return f"listens on {self.host}:{self.port}, silence {self.silence_s:g} s"


class Gb26875SerialPort(Gb26875Options, LineOptions):
    """A line with one user information transmission device, GB/T 26875.3 (docs/fire.md)."""

    kind: Literal["gb26875_serial"] = Field(description="GB/T 26875.3 on a serial line.")

    @property
    def place(self) -> tuple[str, str]:
        """The line."""
        return self.line_place

    @property
    def where(self) -> str:
        """Where the line is."""
        return f"{self.line_where}, silence {self.silence_s:g} s"


class HeardPoint(Reporting):
    """A point that follows from the events of a device; it has no address and is not asked for."""

    period_s: ClassVar[None] = None

    kind: Literal["state", "count", "text"] = Field(description="What its values are.")
    is_event: bool = Field(
        default=False, description="It is said once, when it happens, and not reported again."
    )


_PLACES: Final = ("fire_places", "fault_places", "shielded_places", "supervisory_places")
_COUNTS: Final = ("fire_count", "fault_count", "shielded_count", "supervisory_count")
_STATES: Final = (
    "fire",
    "prealarm",
    "supervisory",
    "feedback",
    "fault",
    "shielded",
    "automatic",
    "mains",
    "backup",
    "bus",
    SENTRY_MISSED,
)


@cache
def heard_points() -> dict[str, HeardPoint]:
    """Return the points of a panel that speaks by itself, by their names in the class."""
    return {
        **dict.fromkeys(_PLACES, HeardPoint(kind="text")),
        "event": HeardPoint(kind="text", is_event=True),
        **dict.fromkeys(_COUNTS, HeardPoint(kind="count")),
        **dict.fromkeys(_STATES, HeardPoint(kind="state")),
    }
