"""A three-phase electricity meter."""

import math
from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import (
    day_curve,
    day_curve_integral,
    phase,
    ripple,
)

_PEAK_HOUR = 19.5
_DAY_SHARE = 0.35
_POWER_FACTOR = 0.94
_NOMINAL_V = 230.0
_OVERLOAD = 3.2
_PHASE_SHARES = (0.35, 0.31, 0.34)
_J_PER_KWH = 3_600_000.0


class ElectricityMeter:
    """Counts the load of a building over the day; the energy is exactly its integral."""

    events: ClassVar[frozenset[str]] = frozenset({"power_cut", "overload", "phase_loss"})

    def __init__(self, *, seed: int, started_s: float) -> None:
        self._seed = seed
        self._mean_w = 4_000 + 14_000 * phase(seed, "mean")
        self._base_kwh = round(20_000 + 60_000 * phase(seed, "energy"))
        self._since_s = started_s
        self._factor = 1.0
        self._event = ""
        self._closed = True

    def happen(self, event: str, now_s: float) -> None:
        """Lose the mains or a phase, take too much load; clear: as usual."""
        self._count(now_s)
        self._event = "" if event == "clear" else event
        self._factor = {"power_cut": 0.0, "overload": _OVERLOAD}.get(self._event, 1.0)

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Open or close the relay: nothing is drawn through an open one."""
        if point != "relay":
            return False
        self._count(now_s)
        self._closed = bool(value)
        return True

    def _count(self, now_s: float) -> None:
        self._base_kwh = self._energy_kwh(now_s)
        self._since_s = now_s

    def _drawn(self) -> float:
        return self._factor if self._closed else 0.0

    def _power_w(self, now_s: float) -> float:
        curve = day_curve(now_s, peak_hour=_PEAK_HOUR)
        return self._drawn() * self._mean_w * (1 + _DAY_SHARE * curve)

    def _energy_kwh(self, now_s: float) -> float:
        """Return the energy so far: the integral of the power since the last event."""
        curve = day_curve_integral(now_s, peak_hour=_PEAK_HOUR) - day_curve_integral(
            self._since_s, peak_hour=_PEAK_HOUR
        )
        worked = self._mean_w * (now_s - self._since_s + _DAY_SHARE * curve)
        return self._base_kwh + self._drawn() * worked / _J_PER_KWH

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the meter measures."""
        power_w = self._power_w(now_s)
        energy_kwh = self._energy_kwh(now_s)
        live = self._event != "power_cut"
        values: dict[str, Value] = {
            "active_power": power_w / 1000,
            "apparent_power": power_w / 1000 / _POWER_FACTOR,
            "reactive_power": power_w / 1000 * math.tan(math.acos(_POWER_FACTOR)),
            "power_factor": _POWER_FACTOR if power_w else 1.0,
            "frequency": 50 + 0.03 * self._ripple("hz", now_s, period_s=33) if live else 0.0,
            "import_energy": energy_kwh,
            "export_energy": 0.0,
            "total_energy": energy_kwh,
            "sharp_energy": energy_kwh * 0.1,
            "peak_energy": energy_kwh * 0.35,
            "flat_energy": energy_kwh * 0.35,
            "valley_energy": energy_kwh * 0.2,
            "relay": self._closed,
        }
        for number, share in enumerate(_PHASE_SHARES, start=1):
            lost = not live or (self._event == "phase_loss" and number == 3)  # noqa: PLR2004
            ripple_v = 2.5 * self._ripple(f"u{number}", now_s, period_s=75)
            volts = 0.0 if lost else _NOMINAL_V + ripple_v
            watts = 0.0 if lost else power_w * share
            values[f"voltage_l{number}"] = volts
            values[f"current_l{number}"] = watts / volts / _POWER_FACTOR if volts else 0.0
            values[f"active_power_l{number}"] = watts / 1000
        return values

    def _ripple(self, key: str, now_s: float, *, period_s: float) -> float:
        return ripple(now_s, seed=self._seed, key=key, period_s=period_s)
