"""A circulation pump of a heating plant."""

from collections.abc import Mapping
from typing import ClassVar

from protocols.reading import Value
from simulators.equipment.curves import Ramp, day_curve, ripple, steady

_SPIN_DOWN_S = 1.5
_SPIN_UP_S = 3.0
_COOL_DOWN_S = 600.0
_WARM_UP_S = 300.0
_SUPPLY_C = 62.0
_STANDING_C = 38.0
_RATED_HZ = 48.0
_RATED_RPM = 2880.0
_RATED_FLOW_M3H = 24.0
_RATED_HEAD_KPA = 82.0
_RATED_POWER_KW = 1.15
_STANDBY_POWER_KW = 0.014
_RETURN_PRESSURE_KPA = 210.0
_RUNNING = 0.02
# Control bits of Grundfos: a bus master requests access, switches on, resets an alarm.
_REMOTE = 1
_ON_OFF = 2
_RESET = 4
# Grundfos: 51 = blocked motor or pump, 57 = dry running.
_FAULT_CODES = {"trip": 51, "dry_run": 57}


class Pump:
    """Runs at the demand of the day; a trip lets it spin down and the supply cool slowly."""

    events: ClassVar[frozenset[str]] = frozenset(_FAULT_CODES) | {"stop"}

    def __init__(self, *, seed: int, started_s: float) -> None:
        self._seed = seed
        self._speed = steady(1.0)
        self._supply_c: Ramp = steady(_SUPPLY_C)
        self._fault_code = 0
        self._commanded = True
        self._setpoint = 100.0
        self._ran_s = 0.0
        self._runs_since_s: float | None = started_s
        self._starts = 140

    def happen(self, event: str, now_s: float) -> None:
        """Trip (blocked, dry), stop on command, or clear: run again."""
        self._fault_code = _FAULT_CODES.get(event, 0)
        # A tripped pump is still told to run; that is what makes its standstill abnormal.
        self._commanded = event != "stop"
        self._follow(now_s)

    def command(self, point: str, value: Value, now_s: float) -> bool:
        """Obey the control bits and the setpoint; a tripped pump starts after a reset only."""
        if not isinstance(value, int | float):
            return False
        if point == "setpoint":
            self._setpoint = float(value)
        elif point == "control_bits":
            bits = int(value)
            self._commanded = bool(bits & _ON_OFF) or not bits & _REMOTE
            self._fault_code = 0 if bits & _RESET else self._fault_code
        else:
            return False
        self._follow(now_s)
        return True

    def _follow(self, now_s: float) -> None:
        if self._commanded and not self._fault_code:
            self._start(now_s)
        else:
            self._halt(now_s)

    def _start(self, now_s: float) -> None:
        if self._runs_since_s is None:
            self._runs_since_s = now_s
            self._starts += 1
        self._speed = self._speed.towards(self._setpoint / 100, now_s=now_s, tau_s=_SPIN_UP_S)
        self._supply_c = self._supply_c.towards(_SUPPLY_C, now_s=now_s, tau_s=_WARM_UP_S)

    def _halt(self, now_s: float) -> None:
        self._ran_s = self._run_time_s(now_s)
        self._runs_since_s = None
        self._speed = self._speed.towards(0.0, now_s=now_s, tau_s=_SPIN_DOWN_S)
        self._supply_c = self._supply_c.towards(_STANDING_C, now_s=now_s, tau_s=_COOL_DOWN_S)

    def _run_time_s(self, now_s: float) -> float:
        since_s = self._runs_since_s
        return self._ran_s + (now_s - since_s if since_s is not None else 0.0)

    def values(self, now_s: float) -> Mapping[str, Value]:
        """Return what a pump with its own drive measures."""
        return {**self._states(), **self._measured(now_s)}

    def _states(self) -> dict[str, Value]:
        return {
            "run": self._runs_since_s is not None,
            "command": self._commanded,
            "fault": bool(self._fault_code),
            "fault_code": self._fault_code,
            "warning": False,
            "warning_code": 0,
            "remote": True,
            "auto": True,
            "control_bits": _REMOTE | (_ON_OFF if self._commanded else 0),
            "control_mode": "proportional_pressure",
            "control_mode_set": "proportional_pressure",
            "operation_mode": "auto",
            "setpoint": self._setpoint,
            "starts": self._starts,
        }

    def _measured(self, now_s: float) -> dict[str, Value]:
        demand = 1 + 0.04 * day_curve(now_s, peak_hour=6.5)
        demand += 0.015 * self._ripple("demand", now_s, period_s=47)
        speed = self._speed.at(now_s) * demand
        speed = speed if speed > _RUNNING else 0.0
        head_kpa = _RATED_HEAD_KPA * speed**2
        power_kw = _STANDBY_POWER_KW + _RATED_POWER_KW * speed**3
        inlet_kpa = _RETURN_PRESSURE_KPA + 2 * self._ripple("inlet", now_s, period_s=240)
        supply_c = self._supply_c.at(now_s) + 0.4 * self._ripple("supply", now_s, period_s=310)
        run_h = 21_400 + self._seed % 5000 + self._run_time_s(now_s) / 3600
        return {
            "frequency": _RATED_HZ * speed,
            "speed": _RATED_RPM * speed,
            "performance": 100 * min(speed, 1.0),
            "flow": _RATED_FLOW_M3H * speed,
            "head": head_kpa,
            "differential_pressure": head_kpa,
            "inlet_pressure": inlet_kpa,
            "outlet_pressure": inlet_kpa + head_kpa,
            "current": 1000 * power_kw / 400 / 1.732 / 0.92,
            "power": power_kw,
            "energy": run_h * 0.95,
            "run_hours": run_h,
            "medium_temperature": supply_c,
            "bearing_temperature": 33 + 19 * speed + self._ripple("bearing", now_s, period_s=200),
            "motor_temperature": 34 + 26 * speed + self._ripple("motor", now_s, period_s=180),
            "electronics_temperature": 31 + 17 * speed,
            "heat_power": 1.16 * _RATED_FLOW_M3H * speed * 18,
            "heat_energy": run_h * 420,
        }

    def _ripple(self, key: str, now_s: float, *, period_s: float) -> float:
        return ripple(now_s, seed=self._seed, key=key, period_s=period_s)
