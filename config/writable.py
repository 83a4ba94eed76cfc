"""What may be commanded, and how it is written."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Settings
from config.coding import Table

Register: TypeAlias = Annotated[int, Field(ge=0, le=65535)]


OF_REGISTERS: Final = (
    "writable: function, table, address, registers, unlock and codes are of registers; remove them"
)


class Unlock(Settings):
    """A holding register that is written right before a command, in a request of its own."""

    address: int = Field(ge=0, le=65535, description="0-based PDU address of the key register.")
    value: Register = Field(description="The key, 0..65535.")


class Writable(Settings):
    """A point that may be commanded, and the range of values that is accepted."""

    minimum: float = Field(default=0, description="Smallest value accepted, in the point's unit.")
    maximum: float = Field(default=1, description="Largest value accepted, in the point's unit.")
    min_interval_s: float = Field(
        default=1.0,
        ge=0,
        le=86400,
        description="A command sooner after the one before is refused, seconds; spares contactors.",
    )
    valid_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="A command older than this is refused, seconds by the sender's clock.",
    )
    interlock: str | None = Field(
        default=None,
        min_length=1,
        description="Expression that must be true when the write goes out, over points of this "
        "device and {device.point} of the gateway; those on the same port are read right before "
        "it, any other value that is not good or not fresh refuses the command.",
    )
    look_again_s: float = Field(
        default=0.5,
        ge=0,
        le=120,
        description="A value that does not read back as written is read once more after this, "
        "seconds: many devices apply it late, and a valve takes its time; 0 = never.",
    )
    function: Literal[5, 6, 15, 16] | None = Field(
        default=None,
        description="Modbus function of the write; default: 6 or 5 for one register or coil, 16 "
        "for more registers. Some devices know only 16 or 15.",
    )

    table: Table | None = Field(
        default=None,
        description="Table of address: coil or holding; default: coil for what is read as coil or "
        "discrete, else holding.",
    )
    address: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="0-based PDU address of the write, where the point is read from another one; "
        "it counts as carried out when the point then reads so.",
    )
    registers: tuple[Register | Literal["value", "complement"], ...] = Field(
        default=("value",),
        min_length=1,
        max_length=100,
        description="What one request writes, in sequence: the value, its complement (each bit "
        "inverted), and numbers, as keys that the device asks for: [0x55AA, value, complement].",
    )
    unlock: Unlock | None = Field(
        default=None,
        description="Key register that is written right before; when that fails, the command has "
        "not gone out.",
    )
    codes: dict[str, Register] = Field(
        default={},
        description="Word to the number that is written for it, where that is not the one that it "
        "is read as; other words are refused.",
    )

    @property
    def is_plain(self) -> bool:
        """Whether what is written is what is read, in the same place."""
        return self.address is None and not self.codes and self.registers == ("value",)

    @property
    def is_of_registers(self) -> bool:
        """Whether it says how registers are written, which nothing else has."""
        return bool(self.function or self.table or self.unlock) or not self.is_plain

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maximum < self.minimum:
            message = f"maximum {self.maximum:g} is below minimum {self.minimum:g}"
            raise ValueError(message)
        return self
