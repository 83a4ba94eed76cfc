"""Readers of doors that speak OSDP: the options of their line, and a point of one."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Settings
from config.coding import DataType
from config.protocol_point import UncodedPoint
from config.writable import OF_REGISTERS, Writable
from protocols.osdp.cards import CardMask

ReaderAddress: TypeAlias = Annotated[int, Field(ge=0, le=126)]

ReaderPart: TypeAlias = Literal[
    "input",
    "output",
    "tamper",
    "power_failure",
    "reader_missing",
    "reader_tamper",
    "card",
    "card_count",
]

_NUMBERED: Final = frozenset({"input", "output", "reader_missing", "reader_tamper"})
_TYPES: Final = {"card": DataType.STRING, "card_count": DataType.UINT32}


OSDP_MISSING: Final = (
    "OSDP needs the package libosdp: pip install plantroom[osdp]; if the package osdp is there, "
    "uninstall it first: both have the same folder"
)


class OsdpReader(Settings):
    """A reader of the line."""

    secure_channel: bool = Field(
        default=True,
        description="Speak to it encrypted, with its key of key_file. false: what it says can be "
        "read and forged by everybody who reaches the line.",
    )
    install_mode: bool = Field(
        default=False,
        description="While a reader is installed: give it its key of key_file when it still has "
        "the key of delivery, which everybody knows. Remove this afterwards.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.install_mode and not self.secure_channel:
            message = "install_mode gives the reader a key; without secure_channel it needs none"
            raise ValueError(message)
        return self


class OsdpOptions(Settings):
    """What a line of readers has beside its line settings."""

    readers: dict[ReaderAddress, OsdpReader] = Field(
        min_length=1,
        description="The readers by their addresses, 0 to 126: {1: {}, 2: {secure_channel: "
        "false}}. Plantroom is the only control panel of the line and polls all of them.",
    )
    key_file: Path | None = Field(
        default=None,
        description="File with the keys of secure channels, one line for each reader: ADDRESS KEY, "
        "32 hexadecimal digits; with mode 0600. Needed for readers with secure_channel.",
    )
    card_mask: CardMask = Field(
        default=CardMask.LAST_FOUR,
        description="What of a card number is kept: last_four; hash, the same word for the same "
        "card, by the secret of salt_file; none: nothing is hidden. The rest never leaves the "
        "process that reads the line.",
    )
    salt_file: Path | None = Field(
        default=None,
        description="File with the secret of card_mask: hash, at least 16 characters; with mode "
        "0600, the same on all gateways whose cards are to be compared.",
    )


class OsdpPoint(UncodedPoint):
    """One value of a reader: a part of it instead of a table and an address."""

    TAG: ClassVar[str] = "reader"
    scale: ClassVar[float] = 1.0
    bits: ClassVar[int] = 32
    is_scaled: ClassVar[bool] = False

    reader: ReaderPart = Field(
        description="Which part of the reader: input, output, tamper and power_failure of itself, "
        "reader_missing and reader_tamper of what is attached to it, card (the last one, a text), "
        "card_count (cards since the agent began)."
    )
    number: int = Field(
        default=0, ge=0, le=63, description="Which input, output or attached reader, from 0."
    )
    inverted: bool = Field(default=False, description="It means its opposite: off is true.")
    pulse_s: float | None = Field(
        default=None,
        ge=0.1,
        le=25.5,
        description="An output that is switched on goes off by itself after this, seconds, by the "
        "timer of the reader; absent: it stays on.",
    )
    writable: Writable | None = Field(
        default=None, description="Of an output: it may be commanded; absent: read only."
    )
    period_s: float | None = Field(
        default=None,
        gt=0,
        le=86400,
        description="How often it is looked at, seconds; what was on in between is told once. "
        "Default: the device's.",
    )

    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""
        state = self.type is DataType.BOOL
        wrong = {
            f"number means nothing to {self.reader}; remove it": self.number
            and self.reader not in _NUMBERED,
            f"inverted means nothing to {self.reader}; remove it": self.inverted and not state,
            "only an output is writable": self.writable is not None and self.reader != "output",
            OF_REGISTERS: self.writable is not None and self.writable.is_of_registers,
            "pulse_s means nothing to what is not writable": self.pulse_s is not None
            and self.writable is None,
            "pulse_s means nothing to an output that is inverted": self.pulse_s is not None
            and self.inverted,
        }
        return next((problem for problem, is_so in wrong.items() if is_so), "")

    @property
    def type(self) -> DataType:
        """What it is, in the words of register points."""
        return _TYPES.get(self.reader, DataType.BOOL)

    @property
    def where(self) -> str:
        """Its place, as people say it."""
        return f"{self.reader} {self.number}" if self.reader in _NUMBERED else self.reader

    @property
    def every_reading(self) -> bool:
        """Whether each reading is reported: a card that is presented twice is two readings."""
        return self.report_all or self.reader == "card"
