"""What an estate file says of units that have no registers, by the protocol that they speak."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, field_validator

from config.base import Settings
from protocols.cjt188.dialect import Dialect, StatusBits, TimeOrder
from protocols.cjt188.layouts import BY_NAME
from protocols.dlt645.codes import Edition
from protocols.dlt645.commands import Password
from protocols.mbus.addresses import SecondaryAddress, maker_code
from simulators.cjt188 import MeterSettings as Cjt188Settings
from simulators.cjt188 import meter_unit as cjt188_unit
from simulators.dlt645.meter import MeterSettings as Dlt645Settings
from simulators.line_protocols import meter_unit as dlt645_unit
from simulators.mbus import SlaveSettings

SPEAKERS: Final[Mapping[str, frozenset[str]]] = {
    "meter": frozenset({"meter"}),
    "cjt188": frozenset({"water_meter", "heat_meter"}),
    "mbus": frozenset({"water_meter", "heat_meter"}),
    "fire": frozenset({"fire_panel"}),
    "osdp": frozenset({"door"}),
}
"""Which equipment speaks a protocol, by the field of the unit."""


class Meter(Settings):
    """What a simulated DL/T 645 meter is set up with."""

    address: str = Field(pattern="^[0-9]{12}$", description="12 digits, in quotes.")
    edition: Edition = Field(default=Edition.E2007, description="2007 or 1997.")
    phases: Literal[1, 3] = Field(default=3, description="Phases that it measures.")
    credit: float = Field(default=100.0, description="Money left at the start, yuan.")
    level: int = Field(default=2, ge=0, le=9, description="Level of the password it wants.")
    password: str = Field(
        default="123456", pattern="^[0-9]{6}$", description="Password that it wants."
    )

    @property
    def number(self) -> int:
        """The number under which it is on its line."""
        return dlt645_unit(self.address)

    def settings(self) -> Dlt645Settings:
        """Return how it is set up."""
        return Dlt645Settings(
            self.address,
            self.edition,
            phases=self.phases,
            credit=self.credit,
            password=Password(self.level, self.password),
        )


class Cjt188Meter(Settings):
    """What a simulated CJ/T 188 meter is set up with."""

    address: str = Field(
        pattern="^[0-9]{14}$", description="14 digits, in quotes: maker, then meter number."
    )
    type: int = Field(
        default=0x10, ge=0x10, le=0x49, description="Type of the meter; 16 cold water, 32 heat."
    )
    layout: str = Field(
        default="", description=f"Layout of its answer: empty, or one of {', '.join(BY_NAME)}."
    )
    time_order: TimeOrder = Field(
        default=TimeOrder.SECOND_FIRST, description="Order of the bytes of a time."
    )
    status_bits: StatusBits = Field(
        default=StatusBits.LOW, description="Where valve and battery stand in its status."
    )
    echoes_serial: bool = Field(default=True, description="It repeats serial numbers.")

    @field_validator("layout")
    @classmethod
    def _is_known(cls, layout: str) -> str:
        if layout and layout not in BY_NAME:
            message = f"{layout!r} is no layout; there are: {', '.join(BY_NAME)}"
            raise ValueError(message)
        return layout

    @property
    def number(self) -> int:
        """The number under which it is on its line."""
        return cjt188_unit(self.type, self.address)

    def settings(self) -> Cjt188Settings:
        """Return how it is set up."""
        dialect = Dialect(
            layout=self.layout,
            time_order=self.time_order,
            status_bits=self.status_bits,
            echoes_serial=self.echoes_serial,
        )
        return Cjt188Settings(self.type, self.address, dialect)


class MbusSlave(Settings):
    """What a simulated M-Bus slave is set up with."""

    identification: str = Field(pattern="^[0-9]{8}$", description="8 digits, in quotes.")
    primary: int = Field(default=0, ge=0, le=250, description="Primary address.")
    maker: str = Field(default="PLR", pattern="^[A-Z]{3}$", description="Three letters.")
    version: int = Field(default=1, ge=0, le=254, description="Version of the device.")
    medium: int = Field(default=4, ge=0, le=254, description="What it measures; 4 heat, 7 water.")
    telegrams: Literal[1, 2] = Field(default=2, description="Telegrams that it has.")
    counts_frames: bool = Field(default=True, description="It heeds the frame count bit.")

    @property
    def number(self) -> int:
        """The number under which it is on its line: several may have one primary address."""
        return int(self.identification) << 8 | self.primary

    @property
    def address(self) -> str:
        """Its secondary address."""
        return str(self._secondary())

    def settings(self) -> SlaveSettings:
        """Return how it is set up."""
        return SlaveSettings(
            self._secondary(), telegrams=self.telegrams, counts_frames=self.counts_frames
        )

    def _secondary(self) -> SecondaryAddress:
        return SecondaryAddress(
            self.identification, maker_code(self.maker), self.version, self.medium
        )


class FireTransmitter(Settings):
    """What a simulated fire panel with its transmission device (GB/T 26875.3) is set up with."""

    source: int = Field(ge=0, le=2**48 - 1, description="Address of the transmission device.")
    heartbeat_s: float = Field(default=20.0, gt=0, description="Time between heartbeats, seconds.")
    components: tuple[tuple[int, int, str], ...] = Field(
        min_length=1,
        description="Components that events concern in turn: zone, point, text that is sent.",
    )

    @property
    def address(self) -> str:
        """What tells it from others of its endpoint."""
        return str(self.source)


class DoorReader(Settings):
    """What a simulated reader of a door (OSDP) is set up with."""

    number: int = Field(ge=0, le=126, description="Address on its line.")

    @property
    def address(self) -> str:
        """What tells it from others of its endpoint."""
        return str(self.number)
