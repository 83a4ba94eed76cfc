"""Water where it should not be: a leak cable, and the sump that collects it."""

from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import phase

_ON_CM = 110.0
_OFF_CM = 40.0
_HIGH_CM = 180.0
_FULL_CM = 260.0
_INFLOW_CM_S = 0.35
_PUMPED_CM_S = 1.4
_FLOOD_CM_S = 2.6


class LeakSensor:
    """A sensing cable along the pipes."""

    events: ClassVar[frozenset[str]] = frozenset({"leak", "cable_break", "contamination"})

    def __init__(self, *, seed: int, started_s: float) -> None:
        del started_s
        self._seed = seed
        self._event = ""

    def happen(self, event: str, now_s: float) -> None:
        """Get wet, break, get dirty; clear: dry and whole."""
        del now_s
        self._event = "" if event == "clear" else event

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """A cable takes no orders."""
        del point, value, now_s
        return False

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the controller of the cable measures."""
        del now_s
        leak = self._event == "leak"
        return {
            "leak": leak,
            "sensor_fault": self._event == "cable_break",
            "summary_alarm": bool(self._event),
            "contamination": self._event == "contamination",
            "leak_distance": round(3 + 40 * phase(self._seed, "distance")) if leak else 0,
            "leak_current": 180 if leak else 6,
            "length_unit": "m",
            "cable_length": 50,
            "loop1_resistance": 0 if self._event == "cable_break" else 640,
            "loop2_resistance": 642,
        }


class Sump:
    """A pit with two pumps; its level rises and is pumped out between two levels."""

    events: ClassVar[frozenset[str]] = frozenset({"pump_fault", "both_fault", "flood"})

    def __init__(self, *, seed: int, started_s: float) -> None:
        self._from_cm = _OFF_CM
        self._since_s = started_s - 200 * phase(seed, "sump")
        self._starts = 900 + seed % 700
        self._event = ""

    def happen(self, event: str, now_s: float) -> None:
        """Lose pump 1 or both, take more water than both can pump; clear: pump out and go on."""
        level_cm, _, starts = self._state(now_s)
        self._from_cm, self._since_s, self._starts = level_cm, now_s, starts
        self._event = "" if event == "clear" else event

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """The pit's own float switches rule it."""
        del point, value, now_s
        return False

    def _state(self, now_s: float) -> tuple[float, bool, int]:
        """Return level in cm, whether a pump runs, and how often it started."""
        elapsed_s = max(now_s - self._since_s, 0.0)
        if self._event == "both_fault":
            return min(self._from_cm + _INFLOW_CM_S * elapsed_s, _FULL_CM), False, self._starts
        if self._event == "flood":
            rise_cm_s = _FLOOD_CM_S - _PUMPED_CM_S
            return min(self._from_cm + rise_cm_s * elapsed_s, _FULL_CM), True, self._starts + 1
        fall_cm_s = _PUMPED_CM_S - _INFLOW_CM_S
        first_s = (self._from_cm - _OFF_CM) / fall_cm_s
        if elapsed_s < first_s:
            return self._from_cm - fall_cm_s * elapsed_s, True, self._starts + 1
        rise_s = (_ON_CM - _OFF_CM) / _INFLOW_CM_S
        fall_s = (_ON_CM - _OFF_CM) / fall_cm_s
        cycles, into_s = divmod(elapsed_s - first_s, rise_s + fall_s)
        starts = self._starts + int(first_s > 0) + int(cycles)
        if into_s < rise_s:
            return _OFF_CM + _INFLOW_CM_S * into_s, False, starts
        return _ON_CM - fall_cm_s * (into_s - rise_s), True, starts + 1

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the pump controller of the pit measures."""
        level_cm, pumping, starts = self._state(now_s)
        faulty = self._event in {"pump_fault", "both_fault"}
        # Pump 2 takes over where pump 1 fails, and helps where one is not enough.
        second = pumping and self._event in {"pump_fault", "flood"}
        return {
            "level": level_cm / 100,
            "high_level": level_cm >= _HIGH_CM,
            "dry_run": False,
            "fault": faulty,
            "running": pumping,
            "sensor_fault": False,
            "float_switches": int(level_cm >= _ON_CM) + 2 * int(level_cm >= _HIGH_CM),
            "pump1_on_level": _ON_CM / 100,
            "pump2_on_level": 1.4,
            "pump1_off_level": _OFF_CM / 100,
            "dry_run_level": 0.2,
            "high_water_level": _HIGH_CM / 100,
            "pump1_run": pumping and not faulty,
            "pump1_fault": faulty,
            "pump1_mode": "auto",
            "pump1_starts": starts,
            "pump1_run_hours": starts * 0.02,
            "pump2_run": second,
            "pump2_fault": self._event == "both_fault",
            "pump2_mode": "auto",
            "pump2_starts": starts // 9,
            "pump2_run_hours": starts * 0.002,
        }
