"""What was found, how bad it is, and what to do; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How bad; the worst of all is the command's exit status, as of a monitoring plugin."""

    OK = 0
    WARN = 1
    FAIL = 2

    @property
    def word(self) -> str:
        """As it is printed."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        check: What was looked at.
        level: How bad it is.
        text: What is there.
        advice: What to do; empty when all is well.
    """

    check: str
    level: Level
    text: str
    advice: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, text)


def warn(check: str, text: str, advice: str) -> Finding:
    """Somebody should do something in the next days."""
    return Finding(check, Level.WARN, text, advice)


def bad(check: str, text: str, advice: str) -> Finding:
    """Something does not work, or readings, alarms or messages are at risk."""
    return Finding(check, Level.FAIL, text, advice)


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level."""
    return max((one.level for one in findings), default=Level.OK)


def as_text(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, what to do below it, and the sum."""
    width = max(len(one.check) for one in findings)
    lines: list[str] = []
    for one in findings:
        lines.append(f"{one.level.word:<4}  {one.check:<{width}}  {one.text}")
        if one.advice:
            lines.append(f"{'':<4}  {'':<{width}}  -> {one.advice}")
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    lines.append(", ".join(f"{counts[level]} {level.word}" for level in Level))
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "level": worst(findings).word,
        "findings": [
            {"check": one.check, "level": one.level.word, "text": one.text, "advice": one.advice}
            for one in findings
        ],
    }


def of_days_left(check: str, what: str, days: float, *, advice: str) -> Finding:
    """Judge how long a certificate is good."""
    if days <= 0:
        return bad(check, f"{what}: expired {-days:.0f} days ago", advice)
    text = f"{what}: {days:.0f} days left"
    return ok(check, text) if days >= _SOON_DAYS else warn(check, text, advice)


def of_space(
    check: str, what: str, *, free: int, whole: int, per_day: float | None, days_to_come: float
) -> Finding:
    """Judge whether a disk lasts.

    Args:
        check: Name of the finding.
        what: The folder.
        free: Bytes.
        whole: Bytes of the file system.
        per_day: Bytes that a day of readings takes; None: not known yet.
        days_to_come: After so many days as much is deleted as comes.
    """
    text = f"{what}: {free / 1e9:,.1f} of {whole / 1e9:,.1f} GB free"
    advice = "make room or take a larger disk; or keep readings for less: history.retention_days"
    if free < min(_LEAST_FREE, whole * 0.02):
        return bad(check, text, advice)
    if per_day is None:
        return ok(check, f"{text}; what a day takes is known after the first whole day")
    text = f"{text}, {per_day / 1e6:,.1f} MB a day"
    if per_day * days_to_come <= free * _USABLE:
        return ok(check, f"{text}: enough for all that is kept")
    days = free / per_day
    text = f"{text}: full in {days:,.0f} days"
    if days < _FULL_SOON_DAYS:
        return bad(check, text, advice)
    return warn(check, text, advice) if days < _FULL_LATER_DAYS else ok(check, text)


_SOON_DAYS = 30
_FULL_SOON_DAYS = 7
_FULL_LATER_DAYS = 60
_LEAST_FREE = 500_000_000
_USABLE = 0.9
"""A disk should not be filled to its last byte."""
