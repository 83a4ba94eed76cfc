"""What may be commanded (pure)."""

from typing import NamedTuple

from config.command_values import accepted_value
from config.errors import ConfigError
from config.point_kinds import AnyPoint
from config.writable import Writable
from edge_agent.errors import CommandError
from protocols.reading import Value


class Command(NamedTuple):
    """A wish that a point have a value.

    Attributes:
        id: Idempotency key; the same key is carried out once. Empty: no such promise.
        by: Who asks, for the record.
        at: UTC ms at which it was given, by the sender's clock.
        expires_at: UTC ms after which it must not be carried out; None: as the point says.
        why: What it is asked for, for the record.
    """

    id: str
    device: str
    point: str
    value: Value
    by: str
    at: int
    expires_at: int | None = None
    why: str = ""


def expiry(command: Command, allowed: Writable) -> int:
    """Return the UTC ms after which the command must not be carried out."""
    oldest = command.at + round(allowed.valid_s * 1000)
    return oldest if command.expires_at is None else min(oldest, command.expires_at)


def check(command: Command, point: AnyPoint, now_ms: int) -> Value:
    """Return the value to write.

    Raises:
        CommandError: The point is read only, the value is not of its type or out of its range, or
            the command is too old.
    """
    allowed = point.writable
    if allowed is None:
        raise CommandError("the point is read only")
    if now_ms > expiry(command, allowed):
        given_s, valid_s = (
            (now_ms - command.at) / 1000,
            (expiry(command, allowed) - command.at) / 1000,
        )
        raise CommandError(f"expired: given {given_s:.0f} s ago, valid {valid_s:g} s")
    if command.at > now_ms + round(allowed.valid_s * 1000):
        ahead_s = (command.at - now_ms) // 1000
        raise CommandError(f"given {ahead_s} s in the future; the clocks disagree")
    try:
        return accepted_value(command.value, point)
    except ConfigError as error:
        raise CommandError(str(error)) from None
