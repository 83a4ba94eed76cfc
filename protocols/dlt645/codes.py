"""Functions and error words of both editions."""

from enum import StrEnum
from typing import Final, NamedTuple


class Edition(StrEnum):
    """Edition of the standard that a meter speaks; one line may carry both."""

    E2007 = "2007"
    E1997 = "1997"


class Functions(NamedTuple):
    """Function codes (the low five bits of the control code) of one edition.

    Attributes:
        read_address: None: the edition has none; the answer to a wildcard read carries the address.
    """

    read: int
    read_next: int
    write: int
    read_address: int | None
    relay: int | None
    broadcast_time: int = 0x08


FUNCTIONS: Final = {
    Edition.E2007: Functions(0x11, 0x12, 0x14, 0x13, 0x1C),
    Edition.E1997: Functions(0x01, 0x02, 0x04, None, None),
}
IDENTIFIER_BYTES: Final = {Edition.E2007: 4, Edition.E1997: 2}

FROM_METER: Final = 0x80
REFUSED: Final = 0x40
MORE: Final = 0x20
FUNCTION: Final = 0x1F

NO_SUCH_DATA: Final = "no_such_data"
_UNSPECIFIED: Final = "unspecified"
# Bit 0 of the 1997 edition is "illegal data"; its further bits are taken to be those of 2007
# (general knowledge, unconfirmed).
_ERROR_BITS: Final = {
    Edition.E2007: (
        "other_error",
        NO_SUCH_DATA,
        "not_authorised",
        "baud_not_changeable",
        "too_many_time_zones",
        "too_many_day_slots",
        "too_many_tariffs",
        "reserved",
    ),
    Edition.E1997: (
        "illegal_data",
        NO_SUCH_DATA,
        "not_authorised",
        "reserved",
        "too_many_time_zones",
        "too_many_day_slots",
        "too_many_tariffs",
        "reserved",
    ),
}


def error_words(edition: Edition, data: bytes) -> tuple[str, ...]:
    """Return what the data of a refusing frame say; at least one of a fixed set of words.

    The refusal of a relay command has a second byte in some meters (an authentication error); it
    has no words here.
    """
    first = data[0] if data else 0
    names = _ERROR_BITS[edition]
    return tuple(name for bit, name in enumerate(names) if first >> bit & 1) or (_UNSPECIFIED,)


def error_byte(edition: Edition, word: str) -> int:
    """Return the byte with which a meter refuses; the first bit where an edition lacks the word."""
    names = _ERROR_BITS[edition]
    return 1 << names.index(word) if word in names else 1
