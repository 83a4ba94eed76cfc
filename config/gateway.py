"""What the agent runs: the agent file with all device files and equipment classes applied."""

from dataclasses import dataclass, field
from typing import Final

from config.base import Words
from config.cjt188 import Cjt188Settings
from config.computed import Reported, TimedComputed
from config.edge import AgentSettings
from config.listening import HeardPoint
from config.mbus import MbusSettings
from config.point_kinds import AnyPoint
from config.profiles import Limits
from config.protocol import Protocol

RESERVED_POINT: Final = "connection"
"""The server's own series that says whether a device answers."""
REFUSED: Final = 2
"""Exit status of what reads an agent file that is wrong."""
_ADDRESSED: Final = {
    Protocol.DLT645: "meter",
    Protocol.CJT188: "meter",
    Protocol.MBUS: "slave",
    Protocol.REACHABILITY: "host",
    Protocol.GB26875: "source",
    Protocol.FIRE_PANEL: "format",
    Protocol.OSDP: "reader",
}
"""What an address is called; of all others it is a unit."""


@dataclass(frozen=True)
class ResolvedDevice:
    """One device with everything filled in.

    Attributes:
        unit: Its number on the line, the digits of a meter's address, a host, the address of a
            transmission device, or the format of a fire alarm panel.
        profile: Name of its device file; empty when the agent file lists the registers itself.
        equipment_class: Empty when it belongs to none; the server then has no alarm rules for it.
        points: Every point has ``period_s``, ``max_silence_s`` and ``name``.
        computed: What is computed from them; likewise.
        heard: What it tells by itself, on a port that listens; without a period.
        state_words: What people say for the states of its points, by the point and the state.
        points_digest: Stands for its points and who answers; empty: not computed yet.
    """

    id: str
    port: str
    unit: int | str
    profile: str
    equipment_class: str
    name: Words
    limits: Limits
    points: dict[str, AnyPoint]
    computed: dict[str, TimedComputed] = field(default_factory=dict[str, TimedComputed])
    protocol: Protocol = Protocol.MODBUS
    cjt188: Cjt188Settings = field(default_factory=Cjt188Settings)
    mbus: MbusSettings = field(default_factory=MbusSettings)
    heard: dict[str, HeardPoint] = field(default_factory=dict[str, HeardPoint])
    state_words: dict[str, dict[str, Words]] = field(default_factory=dict[str, dict[str, Words]])
    points_digest: str = ""

    @property
    def addressed(self) -> str:
        """Its address, as people say it."""
        return f"{_ADDRESSED.get(self.protocol, 'unit')} {self.unit}"

    @property
    def dialect(self) -> str:
        """How it is spoken to, as text; empty: its protocol has no dialects."""
        return self.cjt188.model_dump_json() if self.protocol is Protocol.CJT188 else ""

    @property
    def reported(self) -> dict[str, Reported]:
        """All that has a value, read or computed."""
        return {**self.points, **self.computed, **self.heard}


@dataclass(frozen=True)
class Gateway:
    """What one gateway runs.

    Attributes:
        settings: The agent file without its devices, which would be in memory twice.
        devices: Its devices with everything filled in, by id.
        program: Version of the program that read the file.
    """

    settings: AgentSettings
    devices: dict[str, ResolvedDevice]
    program: str = ""
