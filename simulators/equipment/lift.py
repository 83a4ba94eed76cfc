"""A lift that travels between floors."""

import math
from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import phase

_CYCLE_S = 40.0
_FLOOR_S = 2.0
_DOOR_S = 7.0
_TOP_FLOOR = 12
_STOREY_M = 2.9
_COUNTED_FROM_S = 1_767_225_600.0  # 2026-01-01: trips and hours grow from here
_FAULT_CODES = {"fault": 17, "entrap": 23}


class Lift:
    """Serves a call every 40 s; a fault stops it where it is, an entrapment between two floors."""

    events: ClassVar[frozenset[str]] = frozenset(_FAULT_CODES) | {"door_bypass", "inspection"}

    def __init__(self, *, seed: int, started_s: float) -> None:
        del started_s
        self._seed = seed
        self._stopped_s: float | None = None
        self._lost_s = 0.0
        self._event = ""

    def happen(self, event: str, now_s: float) -> None:
        """Stop with a fault, with people inside, bypass the doors, inspect; clear: travel on."""
        stops = event in _FAULT_CODES
        if stops and self._stopped_s is None:
            self._stopped_s = self._travelled_s(now_s)
        if not stops and self._stopped_s is not None:
            self._lost_s = now_s - self._stopped_s
            self._stopped_s = None
        self._event = "" if event == "clear" else event

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """A lift takes no orders from its register map."""
        del point, value, now_s
        return False

    def _travelled_s(self, now_s: float) -> float:
        return now_s - self._lost_s if self._stopped_s is None else self._stopped_s

    def _stop_of(self, cycle: int) -> int:
        return 1 + int(phase(self._seed, f"floor-{cycle}") * _TOP_FLOOR * 0.999)

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the controller shows."""
        at_s = self._travelled_s(now_s)
        cycle, into_s = divmod(at_s, _CYCLE_S)
        origin, target = self._stop_of(int(cycle)), self._stop_of(int(cycle) + 1)
        distance = target - origin
        travelled = min(into_s / _FLOOR_S, abs(distance))
        arrived_s = abs(distance) * _FLOOR_S
        stopped = self._stopped_s is not None
        moving = travelled < abs(distance) and not stopped
        opened = not moving and not stopped and into_s - arrived_s < _DOOR_S
        trapped = self._event == "entrap"
        # A car that traps somebody stands between two landings.
        at_landing = not moving and not trapped
        hours = (at_s - _COUNTED_FROM_S) / 3600
        return {
            "floor": origin + int(math.copysign(travelled, distance)),
            "direction": ("up" if distance > 0 else "down") if moving else "stopped",
            "door": "open" if opened else "closed",
            "door_open": opened,
            "door_zone": at_landing,
            "arrival_gong": opened,
            "mode": "inspection" if self._event == "inspection" else "normal",
            "fault": stopped,
            "fault_code": _FAULT_CODES.get(self._event, 0),
            "trapped": trapped,
            "alarm_button": trapped,
            "mains": True,
            "safety_circuit": not stopped,
            "door_bypass_travel": self._event == "door_bypass",
            "unintended_movement": False,
            "speed": 1 / _FLOOR_S * _STOREY_M if moving else 0.0,
            "frequency": 42.0 if moving else 0.0,
            "current": 11.5 if moving else 0.4,
            "power": 5.2 if moving else 0.25,
            "energy": hours * 0.9,
            "trips": int((at_s - _COUNTED_FROM_S) / _CYCLE_S),
            "run_hours": hours * 0.35,
        }
