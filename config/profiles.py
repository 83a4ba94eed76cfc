"""A device file: one maker's product, its registers as canonical points, and their source."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, once
from config.cjt188 import Cjt188Settings
from config.computed import Computed, derived_conflicts, with_ratios
from config.mbus import MbusSettings
from config.point_kinds import AnyPoint
from config.points import Point, Table
from config.protocol import Protocol

Ratio: TypeAlias = Annotated[float, Field(gt=0, le=1e9)]


class RegisterRange(Settings):
    """Registers or coils of one table."""

    table: Table = Field(description="coil, discrete, holding or input.")
    first: int = Field(ge=0, le=65535, description="First 0-based PDU address.")
    last: int = Field(ge=0, le=65535, description="Last 0-based PDU address, included.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            message = f"last {self.last} is below first {self.first}"
            raise ValueError(message)
        return self

    def __str__(self) -> str:
        return f"{self.table} {self.first}..{self.last}"


class Limits(Settings):
    """What one request may ask of the device."""

    max_registers: int = Field(default=125, ge=1, le=125, description="Registers per read.")
    max_coils: int = Field(default=2000, ge=1, le=2000, description="Coils or inputs per read.")
    readable: tuple[RegisterRange, ...] = Field(
        default=(),
        description="A request stays within one of these; a table without any is not restricted.",
    )
    forbidden: tuple[RegisterRange, ...] = Field(
        default=(), description="Never part of a request, not even to read over a gap."
    )

    def keeping_off(self, points: Iterable[Point]) -> "Limits":
        """Return the limits with the registers of these points forbidden as well."""
        more = tuple(
            RegisterRange(table=one.table, first=one.address, last=one.address + one.words - 1)
            for one in points
        )
        return self.model_copy(update={"forbidden": (*self.forbidden, *more)}) if more else self

    def refusal(self, point: Point) -> str:
        """Return why no request may carry the point; empty when one may."""
        first, last = point.address, point.address + point.words - 1
        where = f"{point.table} {first}" if first == last else f"{point.table} {first}..{last}"
        for one in self.forbidden:
            if one.table is point.table and one.first <= last and first <= one.last:
                return f"{where} is in the forbidden range {one}"
        ranges = [one for one in self.readable if one.table is point.table]
        if ranges and not any(one.first <= first and last <= one.last for one in ranges):
            allowed = ", ".join(map(str, ranges))
            return f"{where} is in none of the readable ranges {allowed}"
        return ""


class DeviceProfile(Settings):
    """One maker's product."""

    profile: Identifier = Field(description="Identifier; the file's name without .yaml.")
    maker: str = Field(min_length=1, description="Maker.")
    model: str = Field(min_length=1, description="Product, as on its plate.")
    equipment_class: Identifier = Field(alias="class", description="Equipment class it belongs to.")
    protocol: Protocol = Field(
        default=Protocol.MODBUS,
        description="What it speaks: modbus (points have table and address), dlt645 (points have "
        "identifier), cjt188 (points have field), mbus (points have quantity), osdp (points have "
        "reader) or reachability "
        "(points have probe).",
    )
    cjt188: Cjt188Settings | None = Field(
        default=None, description="Type and dialect of a CJ/T 188 meter."
    )
    mbus: MbusSettings | None = Field(default=None, description="How an M-Bus slave answers.")
    source: str = Field(min_length=1, description="Where the registers were published.")
    confidence: str = Field(min_length=1, description="How far the source can be trusted.")
    limits: Limits = Field(
        default_factory=once(Limits), description="Largest requests the device answers."
    )
    points: dict[Identifier, AnyPoint] = Field(min_length=1, description="Point name to register.")
    ratios: dict[Identifier, Ratio] = Field(
        default={},
        description="Ratios that each installation sets, as of its current transformers; "
        "ratio_from names them, the agent file gives the numbers; here their defaults.",
    )
    computed: dict[Identifier, Computed] = Field(
        default={}, description="Name to what is computed from points of this file."
    )

    @model_validator(mode="after")
    def _derivable(self) -> Self:
        both = sorted(self.ratios.keys() & {*self.points, *self.computed})
        conflicts = [
            Conflict(("ratios", name), "is a point as well; choose another name") for name in both
        ]
        conflicts = conflicts or list(derived_conflicts(self.read_points(), self.computed))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self

    def read_points(self, ratios: Mapping[str, float] | None = None) -> dict[str, AnyPoint]:
        """Return the points as they are read.

        Args:
            ratios: What the installation says of its ratios; what it does not say is the default.
        """
        return with_ratios(self.points, self.ratios | dict(ratios or {}))
