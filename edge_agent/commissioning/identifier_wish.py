"""What is to be read of a meter that is asked by identifiers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from config.profiles import DeviceProfile


@dataclass(frozen=True)
class IdentifierWish:
    """What is to be read of one meter.

    Attributes:
        address: Its digits; empty: of the one meter on the line.
        identifiers: As printed; none: the usual ones.
        profile: Its points instead.
    """

    ADDRESS_DIGITS: ClassVar[int]
    LENGTHS: ClassVar[Collection[int]]
    """Digits of an identifier."""
    EXPECTED: ClassVar[str]
    """What an identifier is, for messages."""
    USUAL: ClassVar[str] = ""
    """The identifiers that are read where none is given, for messages."""

    address: str
    identifiers: Sequence[str]
    profile: DeviceProfile | None

    @property
    def unit(self) -> str | None:
        """The address, where it is given."""
        return self.address or None

    @property
    def asked(self) -> str:
        """The words for it in an error."""
        if self.profile is not None:
            return f"points of {self.profile.profile}"
        return f"identifiers {', '.join(self.identifiers) or self.USUAL}".strip()

    @property
    def problem(self) -> str:
        """What is wrong with it; empty when nothing is."""
        digits = self.ADDRESS_DIGITS
        if self.address and not (self.address.isdecimal() and len(self.address) == digits):
            return f"--meter: expected the {digits} digits of a meter, got {self.address!r}"
        for one in self.identifiers:
            if len(one) not in self.LENGTHS or not set(one.upper()) <= set("0123456789ABCDEF"):
                return f"--identifier: expected {self.EXPECTED}, got {one!r}"
        return ""
