"""The agent file: everything one gateway needs to know."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Host, Identifier, Settings, Words, once
from config.cjt188 import Cjt188Settings
from config.computed import Computed
from config.linkages import Linkage
from config.mbus import MbusSettings
from config.mqtt import MqttSettings
from config.point_kinds import AnyPoint
from config.ports import AnyPort
from config.profiles import Limits, Ratio
from config.protocol import Protocol

_METER_DIGITS: Final = (12, 14)
"""Of DL/T 645 and of CJ/T 188."""
_SECONDARY: Final = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{8})?")
_ANYTHING: Final = "FFFFFFFF"


def _meter(text: str) -> str:
    digits = text.isascii() and text.isdecimal()
    if digits and len(text) in _METER_DIGITS:
        if text == "9" * _METER_DIGITS[0]:
            raise ValueError(f"{text} is the broadcast: no meter answers it")
        return text
    if _SECONDARY.fullmatch(text.upper()):
        # Maker, version and medium that may be any say nothing.
        return text.upper().removesuffix(_ANYTHING) or _ANYTHING
    what = f"{len(text)} digits: {text}" if digits else repr(text)
    hint = ""
    if digits and len(text) < _METER_DIGITS[0]:
        hint = f"; if the plate has no more, zeros go in front: {text:0>{_METER_DIGITS[0]}}"
    raise ValueError(
        "expected the 12 digits of a meter's address (14 of CJ/T 188, 8 or 16 of M-Bus), got "
        f"{what}{hint}"
    )


MeterNumber = Annotated[str, AfterValidator(_meter)]


class JournalSettings(Settings):
    """Readings kept on disk until the server says that they are stored."""

    path: Path = Field(
        default=Path("journal.sqlite"),
        description="Database file; relative to the agent file. Absent: journal.sqlite in the "
        "StateDirectory of the systemd unit, without one beside the agent file.",
    )
    commit_interval_s: float = Field(
        default=0.25,
        ge=0.01,
        le=10,
        description="Group commit, seconds: what a power cut may cost.",
    )
    max_bytes: int = Field(
        default=1_000_000_000, ge=1_000_000, description="Upper bound of the file, bytes."
    )
    max_age_s: float = Field(
        default=30 * 86400,
        gt=0,
        description="Readings kept for longer than this are dropped, seconds; counted while the "
        "agent runs, whatever its clock says.",
    )
    drop: Literal["oldest", "newest"] = Field(
        default="oldest", description="What gives way when a bound is reached."
    )


class UplinkSettings(Settings):
    """Sparkplug B session and resend."""

    primary_host: Identifier | None = Field(
        default=None, description="Host id whose STATE is obeyed; absent: none is needed."
    )
    acknowledgement: Literal["journal", "state"] = Field(
        default="journal",
        description="journal: the server acknowledges; state: a plain host, rows leave once sent "
        "while primary_host (or the broker) is online.",
    )
    ack_timeout_s: float = Field(
        default=10.0, gt=0, description="Resend what is unacknowledged after this, seconds."
    )
    backlog_rate: int = Field(
        default=5000, ge=1, description="Readings per second resent from the journal."
    )
    clock_grace_s: float = Field(
        default=60.0,
        ge=0,
        description="A gateway whose clock is not synchronised since it was started waits this "
        "long for it once the broker is there, then believes the clock as it is, seconds.",
    )
    send_datatype_in_data: bool = Field(
        default=False, description="Add the datatype to data metrics for peers that need it."
    )


class StatusSettings(Settings):
    """Local status page: /healthz, /metrics, and /status for `plantroom agent watch`."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=9464, ge=0, le=65535, description="TCP port; 0 takes a free one.")


class Device(Settings):
    """One device on a port; a piece of equipment to the server."""

    port: Identifier = Field(description="Name of a port of this file.")
    unit: int = Field(
        default=1,
        ge=0,
        le=255,
        description="Modbus unit (slave) address: 1 to 247; on TCP also 0 and 248 to 255. On a "
        "port of kind osdp the address of a reader. Primary address of an M-Bus slave: 0 to 250; "
        "254: the only slave of its line.",
    )
    meter: MeterNumber | None = Field(
        default=None,
        description="Address of a meter instead of unit: the 12 digits on its plate, in quotes; "
        "14 of CJ/T 188, the maker's 4 first; 8 of M-Bus, or 16 with maker, version and medium as "
        "they follow on the wire (F: any digit).",
    )
    cjt188: Cjt188Settings | None = Field(
        default=None, description="Of a CJ/T 188 meter; default: the device file's."
    )
    host: Host | None = Field(
        default=None,
        description="Host name or address instead of unit, on a port of kind reachability.",
    )
    mbus: MbusSettings | None = Field(
        default=None, description="Of an M-Bus slave; default: the device file's."
    )
    source: int | None = Field(
        default=None,
        ge=0,
        lt=2**48,
        description="Address of a transmission device instead of unit, on a port of kind "
        "gb26875_tcp or gb26875_serial: the number that it sends as its own.",
    )
    protocol: Protocol | None = Field(
        default=None,
        description="What it speaks; default: the device file's, or what its port carries.",
    )
    profile: Identifier | None = Field(
        default=None, description="Device file that names its registers."
    )
    equipment_class: Identifier | None = Field(
        default=None, alias="class", description="Equipment class; default: the device file's."
    )
    name: Words = Field(description="Name that people use for this piece of equipment.")
    period_s: float = Field(
        default=5.0, gt=0, le=86400, description="Scan class of its points, seconds."
    )
    max_silence_s: float = Field(
        default=300.0, gt=0, description="Each point is reported at least this often, seconds."
    )
    limits: Limits | None = Field(default=None, description="Overrides the device file's limits.")
    points: dict[Identifier, AnyPoint] = Field(
        default={}, description="Points added to the device file's, or replacing them."
    )
    ratios: dict[Identifier, Ratio] = Field(
        default={}, description="Ratios of this installation, by their names in the device file."
    )
    computed: dict[Identifier, Computed] = Field(
        default={}, description="Computed points added to the device file's, or replacing them."
    )
    only: tuple[Identifier, ...] | None = Field(
        default=None,
        description="Only these points of the device file, computed ones as well, and what they "
        "are made of; default: all.",
    )


class AgentSettings(Settings):
    """One gateway."""

    site: Identifier = Field(description="Estate; the Sparkplug group id.")
    gateway: Identifier = Field(description="This gateway; the Sparkplug edge node id.")
    mqtt: MqttSettings = Field(default_factory=once(MqttSettings), description="The broker.")
    journal: JournalSettings = Field(
        default_factory=once(JournalSettings), description="The journal."
    )
    uplink: UplinkSettings = Field(
        default_factory=once(UplinkSettings), description="Sparkplug B session."
    )
    status: StatusSettings = Field(
        default_factory=once(StatusSettings), description="Local status page."
    )
    device_files: Path | None = Field(
        default=None, description="Folder with device files of your own; relative to this file."
    )
    class_files: Path | None = Field(
        default=None,
        description="Folder with equipment classes of your own, the same files as on the server; "
        "relative to this file.",
    )
    ports: dict[Identifier, AnyPort] = Field(min_length=1, description="Port name to port.")
    devices: dict[Identifier, Device] = Field(min_length=1, description="Device id to device.")
    linkages: dict[Identifier, Linkage] = Field(
        default={},
        description="What the gateway does by itself, by a name that no device has.",
    )

    @model_validator(mode="after")
    def _ports_exist(self) -> Self:
        known = ", ".join(sorted(self.ports))
        conflicts = [
            Conflict(("devices", name, "port"), f"no port {device.port!r}; this file has: {known}")
            for name, device in self.devices.items()
            if device.port not in self.ports
        ]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self
