"""The two counters of a session, both 0..255: seq of each message, bdSeq of each connect."""

from typing import Final

MODULUS: Final = 256


def next_seq(seq: int) -> int:
    """Return the number after ``seq``; 255 is followed by 0."""
    return (seq + 1) % MODULUS


def next_bd_seq(bd_seq: int | None) -> int:
    """Return the bdSeq of the next CONNECT; None = there was none yet."""
    return 0 if bd_seq is None else (bd_seq + 1) % MODULUS


def ahead(seq: int, expected: int) -> int:
    """Return how many messages are missing before ``seq``: 0 = it is the expected one."""
    return (seq - expected) % MODULUS
