"""A device file: one maker's product, its registers as canonical points, and their source."""

from pydantic import Field

from config.base import Identifier, Settings
from config.points import Point


class Limits(Settings):
    """How much one request may ask of the device."""

    max_registers: int = Field(default=125, ge=1, le=125, description="Registers per read.")
    max_coils: int = Field(default=2000, ge=1, le=2000, description="Coils or inputs per read.")


class DeviceProfile(Settings):
    """One maker's product."""

    profile: Identifier = Field(description="Identifier; the file's name without .yaml.")
    maker: str = Field(min_length=1, description="Maker.")
    model: str = Field(min_length=1, description="Product, as on its plate.")
    equipment_class: Identifier = Field(alias="class", description="Equipment class it belongs to.")
    source: str = Field(min_length=1, description="Where the registers were published.")
    confidence: str = Field(min_length=1, description="How far the source can be trusted.")
    limits: Limits = Field(default=Limits(), description="Largest requests the device answers.")
    points: dict[Identifier, Point] = Field(min_length=1, description="Point name to register.")
