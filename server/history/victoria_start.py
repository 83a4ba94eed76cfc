"""With which flags a VictoriaMetrics has to be started, looked at before readings go into it."""

import re
from collections.abc import Mapping
from typing import Final

from server.core.errors import StoreError
from server.history.victoria_connection import VictoriaConnection

DAY_MS = 86_400_000
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)")
_MS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": DAY_MS,
    "w": 7 * DAY_MS,
    "y": 365 * DAY_MS,
}
_MONTH_MS = 31 * DAY_MS
_LEAST: Final = {"maxLabelValueLen": 4000, "maxLabelsPerTimeseries": 20}


def check_flags(connection: VictoriaConnection, *, retention_days: int) -> tuple[str, int]:
    """Return in words what is there, and how long it keeps readings, ms.

    Args:
        connection: Open.
        retention_days: Days to keep.

    Raises:
        StoreError: Nobody answers, or the message says which flags have to be set how.
    """
    version, flags = connection.flags()
    keeps_ms = retention_ms(flags.get("retentionPeriod", "1"))
    wrong = [*_wrong_flags(flags)]
    if keeps_ms < retention_days * DAY_MS:
        wrong.insert(
            0,
            f"it keeps readings for {keeps_ms / DAY_MS:g} days: -retentionPeriod={retention_days}d",
        )
    if wrong:
        raise StoreError(f"VictoriaMetrics has to be started with other flags; {'; '.join(wrong)}")
    about = f"VictoriaMetrics {version}".strip() + f" keeps {keeps_ms / DAY_MS:g} days"
    if _length_ms(flags.get("snapshotsMaxAge", "0")) == 0:
        about += "; -snapshotsMaxAge=1d would delete what a server that is killed leaves there"
    return about, keeps_ms


def retention_ms(said: str) -> int:
    """Return how long ``-retentionPeriod`` is, ms; without a unit it is in months."""
    return round(float(said) * _MONTH_MS) if _is_number(said) else _length_ms(said)


def _wrong_flags(flags: Mapping[str, str]) -> list[str]:
    wrong: list[str] = []
    dedup = flags.get("dedup.minScrapeInterval", "0s")
    if _length_ms(dedup) != 1:
        why = "what is written twice would count twice"
        if _length_ms(dedup) > 1:
            why = f"at {dedup} it deletes readings"
        wrong.append(f"{why}: -dedup.minScrapeInterval=1ms")
    wrong += [
        f"it forgets readings of new points: -{name}=0"
        for name in ("storage.maxHourlySeries", "storage.maxDailySeries")
        if flags.get(name, "0") != "0"
    ]
    for name, least in _LEAST.items():
        said = flags.get(name, str(least))
        if _is_number(said) and float(said) < least:
            wrong.append(f"it forgets parts of readings: -{name} of {least} or more")
    return wrong


def _is_number(said: str) -> bool:
    return said.replace(".", "", 1).isdigit()


def _length_ms(said: str) -> int:
    return sum(round(float(number) * _MS[unit]) for number, unit in _LENGTH.findall(said))
