"""The estate file: which units answer where, what they are, and what happens to them when."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, Words
from config.linkages import Linkage
from config.load import load_profiles
from config.point_kinds import registers_of
from config.points import DataType, Point, Table
from config.ports import Framing
from config.problems import explain
from config.source import Document
from simulators.box import BoxFault, BoxFaultKind
from simulators.counter import FIRST_FLOAT, FLOATS
from simulators.dlt645.values import value_names
from simulators.equipment.kinds import MODELS, EquipmentKind, events_of
from simulators.faults import Fault, FaultKind
from simulators.line_protocols import LineFraming
from simulators.slave import Bank
from simulators.wire_settings import (
    SPEAKERS,
    Cjt188Meter,
    DoorReader,
    FireTransmitter,
    MbusSlave,
    Meter,
)

_ACTIONS = frozenset({"fault", "freeze", "set", "clear"})


class BoxStep(Settings):
    """A fault of the box behind a TCP port."""

    kind: BoxFaultKind = Field(description="What it does; see simulators/box.py.")
    seconds: float = Field(default=0.0, ge=0, le=86400, description="Of those with a time.")
    number: int = Field(
        default=0, ge=-256, le=65535, description="Of unit, transaction, protocol, length, short."
    )
    text: str = Field(default="", max_length=4096, description="Of a banner.")

    def fault(self) -> BoxFault:
        """Return the fault."""
        return BoxFault(self.kind, self.seconds, self.number, self.text)


class TcpEndpoint(Settings):
    """A TCP port with units behind it."""

    kind: Literal["modbus_tcp", "modbus_rtu_over_tcp"] = Field(description="Protocol.")
    framing: Framing = Field(default=Framing.RTU, description="Of modbus_rtu_over_tcp.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=0, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    faults: tuple[BoxStep, ...] = Field(default=(), description="What it does to connections.")


class PtyEndpoint(Settings):
    """A serial line on a pseudo terminal."""

    kind: Literal["pty"] = Field(description="A pseudo terminal.")
    framing: Framing = Field(default=Framing.RTU, description="Frames on the line: rtu or ascii.")
    path: Path = Field(description="Symbolic link that is made; relative to the working folder.")
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = Field(
        default=9600, description="Bits per second that the bytes take, at 11 bits a character."
    )
    turnaround_s: float = Field(
        default=0.005, ge=0, le=5, description="From request to reply, seconds."
    )


class MeterLineEndpoint(Settings):
    """A serial line of meters on a pseudo terminal."""

    kind: Literal["dlt645_pty", "cjt188_pty", "mbus_pty"] = Field(
        description="A pseudo terminal with DL/T 645, CJ/T 188 or M-Bus."
    )
    path: Path = Field(description="Symbolic link that is made; relative to the working folder.")
    baud: Literal[300, 600, 1200, 2400, 4800, 9600, 19200] = Field(
        default=2400, description="Bits per second that the bytes take, at 11 bits a character."
    )
    turnaround_s: float = Field(
        default=0.03, ge=0, le=5, description="From request to reply, seconds."
    )

    @property
    def framing(self) -> LineFraming:
        """What is spoken on it."""
        return _FRAMINGS[self.kind]


_FRAMINGS: Final[Mapping[str, LineFraming]] = {
    "dlt645_pty": "dlt645",
    "cjt188_pty": "cjt188",
    "mbus_pty": "mbus",
}
_FIELDS: Final[Mapping[str, str]] = {
    "dlt645_pty": "meter",
    "cjt188_pty": "cjt188",
    "mbus_pty": "mbus",
    "gb26875_tcp": "fire",
    "osdp_pty": "osdp",
}
"""Which field of a unit a kind of endpoint needs; others need ``unit``."""
_BEHIND: Final = {
    "meter": "meters",
    "cjt188": "meters",
    "mbus": "slaves",
    "fire": "transmission devices",
    "osdp": "readers",
}


class CentreEndpoint(Settings):
    """Where the agent listens as the centre of transmission devices; the units connect to it."""

    kind: Literal["gb26875_tcp"] = Field(description="GB/T 26875.3 over TCP.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address of the agent.")
    port: int = Field(default=5200, ge=1, le=65535, description="TCP port of the agent.")


class ReaderLineEndpoint(Settings):
    """A serial line of readers of doors on a pseudo terminal."""

    kind: Literal["osdp_pty"] = Field(description="A pseudo terminal with OSDP.")
    path: Path = Field(description="Symbolic link that is made; relative to the working folder.")
    key_file: Path = Field(
        description="Keys of the readers, for the agent as well; made when it is missing."
    )


Endpoint = Annotated[
    TcpEndpoint | PtyEndpoint | MeterLineEndpoint | CentreEndpoint | ReaderLineEndpoint,
    Field(discriminator="kind"),
]


class Unit(Settings):
    """One simulated unit."""

    endpoint: Identifier = Field(description="Name of an endpoint of this file.")
    unit: int | None = Field(default=None, ge=1, le=247, description="Modbus unit (slave) address.")
    meter: Meter | None = Field(default=None, description="On a line of meters, instead of unit.")
    cjt188: Cjt188Meter | None = Field(default=None, description="As meter, with CJ/T 188.")
    mbus: MbusSlave | None = Field(default=None, description="As meter, on an M-Bus.")
    fire: FireTransmitter | None = Field(
        default=None, description="A fire panel that connects to its endpoint, instead of unit."
    )
    osdp: DoorReader | None = Field(default=None, description="On a line of readers, as meter.")
    equipment: EquipmentKind = Field(description="Model of plant behind the registers.")
    profile: Identifier | None = Field(default=None, description="Device file of its registers.")
    points: dict[Identifier, Point] = Field(
        default={}, description="Registers added to the device file's, or instead of one."
    )
    equipment_class: Identifier | None = Field(
        default=None, alias="class", description="Equipment class, where no device file says it."
    )
    name: Words = Field(description="Name that people use.")
    period_s: float = Field(default=1.0, gt=0, description="Scan class for the agent, seconds.")

    @model_validator(mode="after")
    def _has_registers(self) -> Self:
        speaks = [name for name in SPEAKERS if getattr(self, name) is not None]
        if (self.unit is not None) + len(speaks) != 1:
            message = "needs a unit, or a meter on a line of meters"
            raise ValueError(message)
        if speaks and self.equipment not in SPEAKERS[speaks[0]]:
            message = f"only equipment: {', '.join(sorted(SPEAKERS[speaks[0]]))} speaks this"
            raise ValueError(message)
        if not speaks and self.equipment != "counter" and self.profile is None and not self.points:
            message = "needs a profile or points"
            raise ValueError(message)
        return self

    @property
    def speaks_itself(self) -> bool:
        """Whether it has no registers and nobody's question to answer; see EstateParts."""
        return self.fire is not None or self.osdp is not None

    @property
    def wire(self) -> Meter | Cjt188Meter | MbusSlave | None:
        """What it answers in instead of Modbus."""
        return self.meter or self.cjt188 or self.mbus


class Step(Settings):
    """Something that is done to a unit."""

    unit: Identifier = Field(description="Name of a unit of this file.")
    do: Identifier = Field(
        description="An event of the equipment (trip, leak, entrap, ...), fault, freeze, set, or "
        "clear."
    )
    kind: FaultKind | None = Field(default=None, description="With do: fault.")
    point: Identifier | None = Field(default=None, description="With do: freeze or set.")
    value: float | int | bool | str | None = Field(default=None, description="With do: set.")
    seconds: float = Field(default=1.0, gt=0, description="Of slow, late, held, flapping, counter.")
    longest_s: float = Field(default=0.0, ge=0, description="Of held: the longest, seconds.")
    chance: float = Field(default=1.0, ge=0, le=1, description="Of late, held, noise, exception.")
    table: Table = Field(default=Table.HOLDING, description="Of illegal_address.")
    address: int = Field(
        default=0, ge=0, le=65535, description="First illegal register; the counter."
    )
    count: int = Field(
        default=1, ge=1, le=65536, description="Illegal registers, of silent_above; of clamp."
    )
    code: int = Field(default=4, ge=1, le=255, description="Of an exception.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.do == "fault" and self.kind is None:
            message = f"do: fault needs kind: {', '.join(FaultKind)}"
            raise ValueError(message)
        if self.do in {"freeze", "set"} and self.point is None:
            message = f"do: {self.do} needs point"
            raise ValueError(message)
        return self

    def fault(self, since_s: float) -> Fault:
        """Return the fault that this step is about."""
        return Fault(
            kind=self.kind or FaultKind.OFFLINE,
            seconds=self.seconds,
            longest_s=self.longest_s,
            chance=self.chance,
            table=Bank(self.table.value),
            address=self.address,
            count=self.count,
            code=self.code,
            since_s=since_s,
        )


class ScriptStep(Step):
    """Something that happens at a time."""

    at_s: float = Field(ge=0, description="Seconds after the start.")


class Estate(Settings):
    """A simulated estate."""

    site: Identifier = Field(default="riverside", description="Estate, for the agent file.")
    gateway: Identifier = Field(default="gw-1", description="Gateway, for the agent file.")
    seed: int = Field(default=1, ge=0, description="Same seed, same values.")
    endpoints: dict[Identifier, Endpoint] = Field(min_length=1, description="Where units answer.")
    units: dict[Identifier, Unit] = Field(min_length=1, description="Name to unit.")
    linkages: dict[Identifier, Linkage] = Field(
        default={}, description="What the agent does by itself, for the agent file."
    )
    script: tuple[ScriptStep, ...] = Field(default=(), description="What happens when.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        # The script is judged by the units' points, so they must be right first.
        conflicts = list(_unit_conflicts(self)) or list(_script_conflicts(self))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


def points_of(unit: Unit) -> dict[str, Point]:
    """Return the registers of a unit: the device file's and its own."""
    if unit.equipment == "counter":
        return counter_points()
    points = load_profiles()[unit.profile].read_points() if unit.profile else {}
    return registers_of(points) | dict(unit.points)


def _names_of(unit: Unit) -> Collection[str]:
    if unit.meter is not None:
        return value_names()
    if unit.speaks_itself:
        return ()
    if unit.wire is not None:
        return MODELS[unit.equipment](seed=0, started_s=0.0).values(0.0).keys()
    return points_of(unit)


def counter_points() -> dict[str, Point]:
    """Return the points of the counter device; every reading of them is reported."""
    count = Point(table=Table.HOLDING, address=0, type=DataType.UINT32, report_all=True)
    floats = {
        f"value_{k:02d}": Point(
            table=Table.HOLDING,
            address=FIRST_FLOAT + 2 * k,
            type=DataType.FLOAT32,
            report_all=True,
        )
        for k in range(FLOATS)
    }
    return {"count": count, **floats}


def load_estate(path: Path) -> Estate:
    """Load an estate file.

    Raises:
        ConfigError: The file is wrong; the message lists all of its problems.
    """
    document = Document.read(path)
    try:
        return Estate.model_validate_json(document.json, strict=True)
    except ValidationError as error:
        raise document.error(explain(error, Estate, document.data)) from None


def _unit_conflicts(estate: Estate) -> Iterator[Conflict]:
    taken: dict[tuple[str, str], str] = {}
    profiles = load_profiles()
    for name, unit in estate.units.items():
        at = ("units", name)
        if unit.endpoint not in estate.endpoints:
            known = ", ".join(sorted(estate.endpoints))
            yield Conflict((*at, "endpoint"), f"no {unit.endpoint!r}; this file has: {known}")
        speaker = unit.wire or unit.fire or unit.osdp
        address = speaker.address if speaker else str(unit.unit)
        other = taken.setdefault((unit.endpoint, address), name)
        if other != name:
            yield Conflict((*at, "unit"), f"address {address} is taken by {other!r}")
        endpoint = estate.endpoints.get(unit.endpoint)
        needed = _FIELDS.get(endpoint.kind, "unit") if endpoint else ""
        if needed and getattr(unit, needed) is None:
            kind, what = endpoint.kind if endpoint else "", _BEHIND.get(needed, "units")
            yield Conflict((*at, "endpoint"), f"a {kind} has {what}; say {needed}")
        if unit.profile is not None and unit.profile not in profiles:
            known = ", ".join(sorted(profiles))
            yield Conflict((*at, "profile"), f"no device file {unit.profile!r}; there are: {known}")


def _script_conflicts(estate: Estate) -> Iterator[Conflict]:
    for index, step in enumerate(estate.script):
        at = ("script", index)
        unit = estate.units.get(step.unit)
        if unit is None:
            known = ", ".join(sorted(estate.units))
            yield Conflict((*at, "unit"), f"no unit {step.unit!r}; there are: {known}")
            continue
        events = events_of(unit.equipment)
        if step.do not in _ACTIONS | events:
            known = ", ".join(sorted(_ACTIONS | events))
            yield Conflict(
                (*at, "do"), f"no event {step.do!r} of a {unit.equipment}; known: {known}"
            )
        if step.point is not None and step.point not in _names_of(unit):
            known = ", ".join(sorted(_names_of(unit)))
            yield Conflict((*at, "point"), f"no point {step.point!r}; there are: {known}")
