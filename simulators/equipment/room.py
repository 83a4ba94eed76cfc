"""A room with a temperature and humidity sensor."""

from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import day_curve, phase, ripple, steady

_COMFORT_C = 20.6
_COOLING_S = 90.0
_WARMING_S = 180.0
_DROPS_C = {"cold": -5.5, "frost": -17.0, "hot": 9.0}


class Room:
    """Follows the day by a degree; ``cold`` and ``frost`` are a window or a heating that failed."""

    events: ClassVar[frozenset[str]] = frozenset(_DROPS_C)

    def __init__(self, *, seed: int, started_s: float) -> None:
        del started_s
        self._seed = seed
        self._shift_c = steady(0.0)

    def happen(self, event: str, now_s: float) -> None:
        """Cool down, freeze, heat up; clear: back to comfort."""
        tau_s = _WARMING_S if event == "clear" else _COOLING_S
        target_c = _DROPS_C.get(event, 0.0)
        self._shift_c = self._shift_c.towards(target_c, now_s=now_s, tau_s=tau_s)

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """A sensor takes no orders."""
        del point, value, now_s
        return False

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return temperature in degrees Celsius and relative humidity in percent."""
        own_c = 1.2 * (phase(self._seed, "room") - 0.5)
        drift_c = 0.25 * ripple(now_s, seed=self._seed, key="drift", period_s=1900)
        day_c = 0.8 * day_curve(now_s, peak_hour=15)
        temperature_c = _COMFORT_C + own_c + drift_c + day_c + self._shift_c.at(now_s)
        humidity = 46 - 2 * (temperature_c - _COMFORT_C)
        humidity += 1.5 * ripple(now_s, seed=self._seed, key="humidity", period_s=640)
        return {"temperature": temperature_c, "humidity": min(max(humidity, 5.0), 99.0)}
