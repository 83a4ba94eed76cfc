"""Water and heat meters: what flows through a pipe over the day, and what it carries."""

from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import day_curve, day_curve_integral, phase, ripple

_PEAK_HOUR = 7.5
_DAY_SHARE = 0.6
_S_PER_H = 3600.0
_LEAK_SHARE = 2.5
_KWH_PER_M3_K = 1.163
_SUPPLY_C = 62.0
_SPREAD_K = 17.0
_SETTLED_SHARE = 0.93


class WaterMeter:
    """Counts the water of a flat or a building; the volume is exactly the integral of the flow."""

    events: ClassVar[frozenset[str]] = frozenset({"leak", "battery_low", "no_flow"})

    def __init__(self, *, seed: int, started_s: float) -> None:
        self._seed = seed
        self._mean_m3h = 0.05 + 0.4 * phase(seed, "flow")
        self._base_m3 = round(200 + 900 * phase(seed, "volume"), 2)
        self._settled_m3 = round(_SETTLED_SHARE * self._base_m3, 2)
        self._since_s = started_s
        self._event = ""
        self._open = True

    def happen(self, event: str, now_s: float) -> None:
        """Run without end, weaken its battery, run dry; clear: as usual."""
        self._count(now_s)
        self._event = "" if event == "clear" else event

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Open or close the valve: nothing flows through a closed one."""
        if point != "valve":
            return False
        self._count(now_s)
        self._open = value == "open"
        return True

    def _count(self, now_s: float) -> None:
        self._base_m3 = self._volume(now_s)
        self._since_s = now_s

    def _factor(self) -> float:
        if not self._open or self._event == "no_flow":
            return 0.0
        return _LEAK_SHARE if self._event == "leak" else 1.0

    def flow(self, now_s: float) -> float:
        """Return the flow, m3/h."""
        curve = day_curve(now_s, peak_hour=_PEAK_HOUR)
        return self._factor() * self._mean_m3h * (1 + _DAY_SHARE * curve)

    def _volume(self, now_s: float) -> float:
        curve = day_curve_integral(now_s, peak_hour=_PEAK_HOUR) - day_curve_integral(
            self._since_s, peak_hour=_PEAK_HOUR
        )
        hours = (now_s - self._since_s + _DAY_SHARE * curve) / _S_PER_H
        return self._base_m3 + self._factor() * self._mean_m3h * hours

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the meter shows."""
        return {
            "volume": self._volume(now_s),
            "settlement_volume": self._settled_m3,
            "flow": self.flow(now_s),
            "valve": "open" if self._open else "closed",
            "battery_low": self._event == "battery_low",
        }


class HeatMeter(WaterMeter):
    """Counts the heat that the water of a flat or a building leaves there."""

    def __init__(self, *, seed: int, started_s: float) -> None:
        super().__init__(seed=seed, started_s=started_s)
        self._started_s = started_s
        self._hours = round(2000 + 20_000 * phase(seed, "hours"))

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the meter shows."""
        water = super().values(now_s)
        flow, volume = self.flow(now_s), self._volume(now_s)
        supply_c = _SUPPLY_C + 1.5 * ripple(now_s, seed=self._seed, key="supply", period_s=900)
        spread_k = _SPREAD_K + ripple(now_s, seed=self._seed, key="spread", period_s=700)
        heat_kwh = _KWH_PER_M3_K * _SPREAD_K
        return {
            **water,
            "heat": heat_kwh * volume,
            "settlement_heat": heat_kwh * self._settled_m3,
            "power": _KWH_PER_M3_K * spread_k * flow,
            "supply_temperature": supply_c,
            "return_temperature": supply_c - spread_k,
            "working_hours": self._hours + (now_s - self._started_s) / _S_PER_H,
        }
