"""Curves of time that need no memory: ripples, day curves, and ramps towards a target."""

import math
import zlib
from dataclasses import dataclass

DAY_S = 86400.0
# Load and temperature follow the clock on the wall of a Chinese estate.
_LOCAL_OFFSET_S = 8 * 3600.0
_CLOSE_ENOUGH = 0.005


def phase(seed: int, key: str) -> float:
    """Return a fixed number in 0..1 of a seed and a word."""
    return zlib.crc32(f"{seed}/{key}".encode()) / 0xFFFF_FFFF


def ripple(now_s: float, *, seed: int, key: str, period_s: float) -> float:
    """Return a smooth, never quite repeating number in -1..1."""
    turn = 2 * math.pi * now_s / period_s
    start = 2 * math.pi * phase(seed, key)
    return 0.6 * math.sin(turn + start) + 0.4 * math.sin(2.618 * turn + 1.7 * start)


def day_curve(now_s: float, *, peak_hour: float) -> float:
    """Return -1..1 over the local day, 1 at ``peak_hour``."""
    hours = ((now_s + _LOCAL_OFFSET_S) % DAY_S) / 3600
    return math.cos(2 * math.pi * (hours - peak_hour) / 24)


def day_curve_integral(now_s: float, *, peak_hour: float) -> float:
    """Return an antiderivative of ``day_curve`` over seconds."""
    shifted = (now_s + _LOCAL_OFFSET_S - peak_hour * 3600) % DAY_S
    return DAY_S / (2 * math.pi) * math.sin(2 * math.pi * shifted / DAY_S)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A value on its way to a target, exponentially with the time constant ``tau_s``."""

    target: float
    start: float = 0.0
    since_s: float = 0.0
    tau_s: float = 1.0

    def at(self, now_s: float) -> float:
        """Return the value at a time; exactly the target once it is within half a percent."""
        left = math.exp(-max(now_s - self.since_s, 0.0) / self.tau_s)
        if left < _CLOSE_ENOUGH:
            return self.target
        return self.target + (self.start - self.target) * left

    def towards(self, target: float, *, now_s: float, tau_s: float) -> "Ramp":
        """Return the ramp that leaves from today's value to another target."""
        return Ramp(target, self.at(now_s), now_s, tau_s)


def steady(value: float) -> Ramp:
    """Return a ramp that arrived long ago."""
    return Ramp(value, value)
