"""A card that was presented: its number, and how much of it is told (pure)."""

import hashlib
import hmac
from enum import StrEnum
from typing import Final, NamedTuple

_SHOWN: Final = 4
_HASH_BYTES: Final = 8
_LAYOUTS: Final = {26: (8, 16), 34: (16, 16)}
"""Bits of the usual Wiegand formats: of the facility and of the card, between two parity bits."""


class CardMask(StrEnum):
    """What of a card number leaves the process that reads it."""

    NONE = "none"
    """All of it."""
    LAST_FOUR = "last_four"
    """Its last four digits, or half of it where it has less than eight."""
    HASH = "hash"
    """The same word for the same card, from which nobody gets the number without the salt."""


class Card(NamedTuple):
    """What a reader read.

    Attributes:
        bits: How many; 0: the reader told text.
        data: The bits, the first in the highest bit of the first byte; or the text.
    """

    bits: int
    data: bytes

    @property
    def number(self) -> str:
        """Facility and card of 26 and 34 bits in decimal digits, all others in hexadecimal ones.

        A text is taken as it is.
        """
        if not self.bits:
            return self.data.decode("ascii", "replace")
        whole = int.from_bytes(self.data, "big") >> (8 * len(self.data) - self.bits)
        layout = _LAYOUTS.get(self.bits)
        if layout is None:
            return f"{whole:0{(self.bits + 3) // 4}X}"
        facility_bits, card_bits = layout
        card = (whole >> 1) & (2**card_bits - 1)
        facility = (whole >> (1 + card_bits)) & (2**facility_bits - 1)
        return (
            f"{facility:0{len(str(2**facility_bits - 1))}d}-{card:0{len(str(2**card_bits - 1))}d}"
        )

    def told(self, mask: CardMask, salt: bytes) -> str:
        """Return what of it is told.

        Args:
            mask: The rule of the site.
            salt: Of a hash; without it nobody can try all numbers.
        """
        match mask:
            case CardMask.NONE:
                return self.number
            case CardMask.LAST_FOUR:
                shown = min(_SHOWN, sum(one.isalnum() for one in self.number) // 2)
                return "*" * _SHOWN + self.number[len(self.number) - shown :]
            case CardMask.HASH:
                said = f"{self.bits}:{self.data.hex()}".encode()
                return hmac.digest(salt, said, hashlib.sha256)[:_HASH_BYTES].hex()
