"""What a simulated meter shows for the names of the identifiers."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from protocols.reading import Value
from simulators.equipment.meter import ElectricityMeter

_TARIFFS: Final = ("sharp_energy", "peak_energy", "flat_energy", "valley_energy")
_RELAY_OPEN: Final = 1 << 4
_RELAY_COMMAND_OPEN: Final = 1 << 6
_PRE_TRIP: Final = 1 << 7
_LOW_CREDIT: Final = 10.0
_LOCAL: Final = timezone(timedelta(hours=8))
"""A meter knows the time of China only."""
_TEMPERATURE_C: Final = 24.5


def local_time(utc_s: float) -> datetime:
    """Return what a clock on the wall shows in China."""
    return datetime.fromtimestamp(utc_s, UTC).astimezone(_LOCAL).replace(tzinfo=None)


def shown(
    model: Mapping[str, Value], *, address: str, clock: datetime, credit: float, phases: int
) -> dict[str, Value]:
    """Return the values of a meter by the labels of ``protocols.dlt645.identifiers``.

    Args:
        model: Of the plant, by canonical point.
        address: 12 digits; the meter number as well.
        clock: What its own clock shows.
        credit: Money left, yuan.
        phases: 1 or 3; what an absent phase would show is not available.
    """
    values = dict(model)
    values["combined_energy"] = model["total_energy"]
    for number, name in enumerate(_TARIFFS, start=1):
        values[f"import_energy_t{number}"] = model[name]
        values[f"combined_energy_t{number}"] = model[name]
        values[f"export_energy_t{number}"] = 0.0
    for number in range(phases + 1, 4):
        for kind in ("voltage", "current", "active_power"):
            values[f"{kind}_l{number}"] = None
    return values | {
        "credit": max(credit, 0.0),
        "overdrawn_credit": max(-credit, 0.0),
        "temperature": _TEMPERATURE_C,
        "date": clock.date().isoformat(),
        "time": clock.time().isoformat(timespec="seconds"),
        "address": address,
        "meter_number": address,
        **_status_words(model, credit),
    }


def _status_words(model: Mapping[str, Value], credit: float) -> dict[str, Value]:
    words: dict[str, Value] = {f"status_word_{number}": 0 for number in range(1, 8)}
    open_bits = 0 if model["relay"] else _RELAY_OPEN | _RELAY_COMMAND_OPEN
    words["status_word_3"] = open_bits | (_PRE_TRIP if credit < _LOW_CREDIT else 0)
    words["status_word"] = 0
    return words


def value_names() -> Collection[str]:
    """Return the names of all values that a meter shows."""
    model = ElectricityMeter(seed=0, started_s=0.0).values(0.0)
    return shown(model, address="", clock=local_time(0.0), credit=0.0, phases=3).keys()
