"""Ports on which the equipment speaks first, and the points that its events become."""

from typing import ClassVar, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from config.base import Host, Settings
from config.reporting import Reporting

FIRE_PANEL: Final = "fire_panel"
"""The class of what speaks on these ports."""

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


class Gb26875TcpPort(Settings):
    """A TCP server for user information transmission devices, GB/T 26875.3 (docs/fire.md)."""

    kind: Literal["gb26875_tcp"] = Field(description="GB/T 26875.3, the receiving side.")
    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104
    port: int = Field(default=5200, ge=1, le=65535, description="TCP port to listen on.")
    time_zone: str = Field(
        default="Asia/Shanghai", description="Time zone of the site, for the clocks of the devices."
    )
    language: Literal["zh", "en"] = Field(
        default="zh", description="Language in which kinds of components are named: zh or en."
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
    reset_scope: Literal["panel", "all"] = Field(
        default="panel", description="What a reset ends: what has its panel address, or all."
    )
    reset_clears: tuple[PanelStateName, ...] = Field(
        default=("fire", "prealarm", "supervisory", "started", "feedback", "delayed"),
        description="States that a reset of the panel ends.",
    )
    system_normal_ends_fires: bool = Field(
        default=False, description='"No fire" of a whole system ends the fires of its components.'
    )
    transmitter_reset_resets: bool = Field(
        default=False, description="A reset of the transmission device is one of its panels."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            message = f"no time zone {name!r}; expected a name such as Asia/Shanghai or UTC"
            raise ValueError(message) from None
        return name


class HeardPoint(Reporting):
    """A point that follows from the events of a device; it has no address and is not asked for."""

    period_s: ClassVar[None] = None

    kind: Literal["state", "count", "text"] = Field(description="What its values are.")


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
)
HEARD_POINTS: Final[dict[str, HeardPoint]] = {
    "fire_places": HeardPoint(kind="text"),
    **dict.fromkeys(_COUNTS, HeardPoint(kind="count")),
    **dict.fromkeys(_STATES, HeardPoint(kind="state")),
}
"""The points of a fire alarm panel that speaks by itself, by their names in the class."""
