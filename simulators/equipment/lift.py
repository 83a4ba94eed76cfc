"""A lift that travels between floors."""

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

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
    """Serves a call every 40 s; a fault stops it where it is, an entrapment between two floors.

    Sent to a floor it travels there, opens its door and stays, until it is sent to floor 0.
    Without power it stands where it is.
    """

    events: ClassVar[frozenset[str]] = frozenset(_FAULT_CODES) | {"door_bypass", "inspection"}

    def __init__(self, *, seed: int, started_s: float) -> None:
        del started_s
        self._seed = seed
        self._stopped_s: float | None = None
        self._lost_s = 0.0
        self._event = ""
        self._powered = True
        self._sent: _Trip | None = None

    def happen(self, event: str, now_s: float) -> None:
        """Stop with a fault, with people inside, bypass the doors, inspect; clear: travel on."""
        self._event = "" if event == "clear" else event
        self._stop_or_go(now_s)

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Travel to a floor and stay there, or be switched off and on."""
        if point == "power_switch":
            self._powered = bool(value)
            self._stop_or_go(now_s)
            return True
        if point != "send_to_floor" or not isinstance(value, int | float):
            return False
        floor = min(round(value), _TOP_FLOOR)
        at_s = self._travelled_s(now_s)
        self._sent = _Trip(self._trip(at_s).floor(at_s), floor, at_s) if floor else None
        return True

    def _stop_or_go(self, now_s: float) -> None:
        stands = self._faulty or not self._powered
        if stands and self._stopped_s is None:
            self._stopped_s = self._travelled_s(now_s)
        if not stands and self._stopped_s is not None:
            self._lost_s = now_s - self._stopped_s
            self._stopped_s = None

    @property
    def _faulty(self) -> bool:
        return self._event in _FAULT_CODES

    def _travelled_s(self, now_s: float) -> float:
        return now_s - self._lost_s if self._stopped_s is None else self._stopped_s

    def _stop_of(self, cycle: int) -> int:
        return 1 + int(phase(self._seed, f"floor-{cycle}") * _TOP_FLOOR * 0.999)

    def _trip(self, at_s: float) -> "_Trip":
        if self._sent is not None:
            return self._sent
        cycle = int(at_s // _CYCLE_S)
        return _Trip(self._stop_of(cycle), self._stop_of(cycle + 1), cycle * _CYCLE_S)

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what the controller shows."""
        at_s = self._travelled_s(now_s)
        trip = self._trip(at_s)
        stopped = self._stopped_s is not None
        moving = at_s < trip.arrives_s and not stopped
        opened = not moving and not stopped and at_s - trip.arrives_s < _DOOR_S
        trapped = self._event == "entrap"
        # A car that traps somebody stands between two landings.
        at_landing = not moving and not trapped
        hours = (at_s - _COUNTED_FROM_S) / 3600
        idle_a, idle_kw = (0.4, 0.25) if self._powered else (0.0, 0.0)
        return {
            "floor": trip.floor(at_s),
            "direction": ("up" if trip.target > trip.origin else "down") if moving else "stopped",
            "door": "open" if opened else "closed",
            "door_open": opened,
            "door_zone": at_landing,
            "arrival_gong": opened,
            "mode": "inspection" if self._event == "inspection" else "normal",
            "fault": self._faulty,
            "fault_code": _FAULT_CODES.get(self._event, 0),
            "trapped": trapped,
            "alarm_button": trapped,
            "mains": self._powered,
            "power_switch": self._powered,
            "send_to_floor": 0 if self._sent is None else self._sent.target,
            "safety_circuit": not self._faulty,
            "door_bypass_travel": self._event == "door_bypass",
            "unintended_movement": False,
            "speed": 1 / _FLOOR_S * _STOREY_M if moving else 0.0,
            "frequency": 42.0 if moving else 0.0,
            "current": 11.5 if moving else idle_a,
            "power": 5.2 if moving else idle_kw,
            "energy": hours * 0.9,
            "trips": int((at_s - _COUNTED_FROM_S) / _CYCLE_S),
            "run_hours": hours * 0.35,
        }


class _Trip(NamedTuple):
    """A ride from a floor to another one, begun at an instant of the travelled time."""

    origin: int
    target: int
    begun_s: float

    @property
    def arrives_s(self) -> float:
        return self.begun_s + abs(self.target - self.origin) * _FLOOR_S

    def floor(self, at_s: float) -> int:
        """Return where the car is."""
        distance = self.target - self.origin
        travelled = min((at_s - self.begun_s) / _FLOOR_S, abs(distance))
        return self.origin + int(math.copysign(travelled, distance))
