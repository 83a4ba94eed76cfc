"""Read Device Identification (function 43, MEI 14): what a device says of itself.

Each object is an id, a length and that many bytes of ASCII; ids 0, 1, 2 are vendor, product code
and revision. A reply says whether more follow, and with which object to go on.
"""

from typing import Final, NamedTuple

from protocols.errors import FrameError

VENDOR: Final = 0
PRODUCT: Final = 1
REVISION: Final = 2

_FUNCTION: Final = 0x2B
_MEI: Final = 0x0E
_BASIC: Final = 1
_HEADER: Final = 7  # function, MEI, code, conformity, more follows, next object, count
_MORE: Final = 0xFF

HEAD: Final = bytes((_FUNCTION, _MEI, _BASIC))
"""What the PDU of a reply begins with."""


class Identification(NamedTuple):
    """One reply.

    Attributes:
        objects: Object id to text.
        next_object: Object to go on with; None when this is all.
    """

    objects: dict[int, str]
    next_object: int | None


def identification_request(first_object: int = VENDOR) -> bytes:
    """Return the PDU that asks for the basic objects from ``first_object``."""
    return HEAD + bytes((first_object,))


def identification_size(pdu: bytes) -> int | None:
    """Return the size of a reply's PDU from its first bytes; None while they are too few."""
    if len(pdu) < _HEADER:
        return None
    at = _HEADER
    for _ in range(pdu[6]):
        if len(pdu) < at + 2:
            return None
        at += 2 + pdu[at + 1]
    return at


def parse_identification(pdu: bytes) -> Identification:
    """Return what a reply's PDU says.

    Raises:
        FrameError: It is an exception reply, torn, or no such reply.
    """
    if not pdu.startswith(HEAD) or identification_size(pdu) != len(pdu):
        raise FrameError(f"no device identification: {pdu[:16].hex()}")
    objects: dict[int, str] = {}
    at = _HEADER
    for _ in range(pdu[6]):
        size = pdu[at + 1]
        raw = pdu[at + 2 : at + 2 + size]
        objects[pdu[at]] = raw.decode("ascii", "replace").strip("\0 ")
        at += 2 + size
    return Identification(objects, pdu[5] if pdu[4] == _MORE else None)
