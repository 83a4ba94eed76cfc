"""Requests that change something in a meter (pure)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from protocols.dlt645.codes import FUNCTIONS, Edition
from protocols.dlt645.frames import BROADCAST, checked_address
from protocols.dlt645.requests import Request, checked_identifier
from protocols.errors import ValueRangeError

_PASSWORD_DIGITS: Final = re.compile(r"[0-9]{6}")
_OPERATOR: Final = re.compile(r"[0-9A-Fa-f]{8}")
_MOST_LEVEL: Final = 9
_RELAY: Final = 0x1C
RELAY_BYTES: Final = 16
"""Of the body of a relay request."""


@dataclass(frozen=True, slots=True)
class Password:
    """What a meter wants before it obeys; never shown in a log.

    Attributes:
        level: Access level PA, 0..9 (2007: 02 and 04 are usual for relay and settings).
        digits: Six digits P2 P1 P0 as people write them.
        low_first: The last two digits are sent first, as of all numbers (documents show equal
            digits only, so the order is unconfirmed).
    """

    level: int
    digits: str = field(repr=False)
    low_first: bool = True

    def encoded(self) -> bytes:
        """Return PA P0 P1 P2.

        Raises:
            ValueRangeError: Level or digits are wrong; does not repeat the digits.
        """
        if not 0 <= self.level <= _MOST_LEVEL:
            raise ValueRangeError(f"password level {self.level}: allowed are 0..{_MOST_LEVEL}")
        if not _PASSWORD_DIGITS.fullmatch(self.digits):
            raise ValueRangeError("a password has six digits")
        digits = bytes.fromhex(self.digits)
        return bytes((self.level,)) + (digits[::-1] if self.low_first else digits)


def operator_bytes(operator: str) -> bytes:
    """Return C0..C3 of an operator code of eight hexadecimal digits, low byte first.

    Raises:
        ValueRangeError: It is none.
    """
    if not _OPERATOR.fullmatch(operator):
        raise ValueRangeError(f"operator {operator!r}: allowed are 8 digits 0-9, A-F")
    return bytes.fromhex(operator)[::-1]


def write(
    address: str,
    identifier: int,
    data: bytes,
    *,
    password: Password,
    operator: str = "00000000",
    edition: Edition = Edition.E2007,
) -> Request:
    """Return the request that sets one identifier of one meter.

    2007 sends identifier, password, operator, data; 1997 has no operator (general knowledge).

    Raises:
        ValueRangeError: An argument is not what can be sent.
    """
    checked_address(address, wildcard=False)
    checked_identifier(identifier, edition)
    head = password.encoded()
    if edition is Edition.E2007:
        head += operator_bytes(operator)
    function = FUNCTIONS[edition].write
    return Request(address, edition, function, identifier, head + data, writes=True)


class RelayCommand(IntEnum):
    """N1 of a relay command."""

    TRIP = 0x1A
    ALLOW_CLOSE = 0x1B
    """Somebody at the meter closes it, with its key."""
    CLOSE = 0x1C
    ALARM = 0x2A
    ALARM_OFF = 0x2B
    KEEP = 0x3A
    """Keep supplied: it cannot be tripped until this is taken back."""
    KEEP_OFF = 0x3B


def relay(
    address: str,
    command: RelayCommand,
    *,
    password: Password,
    operator: str,
    valid_until: datetime,
) -> Request:
    """Return the request that moves the relay of one meter (2007, function 1CH).

    Meters with a security module (ESAM) refuse this form: they take an encrypted one only.

    Args:
        address: 12 digits, no wildcard.
        command: What to do.
        password: As set in the meter.
        operator: Eight hexadecimal digits that the meter keeps in its event record.
        valid_until: After it, by the meter's own clock, the meter does not obey; local time.

    Raises:
        ValueRangeError: An argument is not what can be sent.
    """
    checked_address(address, wildcard=False)
    head = password.encoded() + operator_bytes(operator)
    return relay_request(address, head + bytes((command, 0)) + _moment(valid_until))


def relay_request(address: str, body: bytes) -> Request:
    """Return a relay request with a body as it stands."""
    return Request(address, Edition.E2007, _RELAY, body=body, writes=True)


def broadcast_time(
    local: datetime, *, edition: Edition = Edition.E2007, seconds_first: bool = True
) -> Request:
    """Return the request that sets the clock of all meters of a line; none answers.

    A meter obeys once a day, when it is less than five minutes off, and not around midnight
    (general knowledge).

    Args:
        local: Local time that the meters shall show.
        edition: Of the meters.
        seconds_first: ss mm hh DD MM YY, low byte first as all data; PyPI dlt645 3.2.0 takes the
            year first.
    """
    function = FUNCTIONS[edition].broadcast_time
    body = _moment(local) if seconds_first else _moment(local)[::-1]
    return Request(BROADCAST, edition, function, body=body, writes=True)


def _moment(local: datetime) -> bytes:
    """Return ss mm hh DD MM YY in BCD."""
    return bytes.fromhex(local.strftime("%y%m%d%H%M%S"))[::-1]
