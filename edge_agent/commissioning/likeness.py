"""Which known device a unit looks like, from what its registers say (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from config.coding import ROWS
from config.point_kinds import registers_of
from config.points import DataType, Point
from config.profiles import DeviceProfile
from protocols.reading import Quality, Reading

_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "V": (1, 1000),
    "Hz": (0.1, 400),
    "°C": (-60, 200),
    "%": (0.01, 150),
    "A": (0.001, 5000),
    "kW": (-10_000, 10_000),
    "kVA": (-10_000, 10_000),
    "kvar": (-10_000, 10_000),
    "kPa": (-200, 5000),
    "bar": (-2, 50),
    "rpm": (1, 10_000),
    "m": (-50, 500),
    "m³/h": (-5000, 5000),
}
_WIDEST: Final = (-1e9, 1e9)
_TINY: Final = 1e-6
_LEAST: Final = 0.25
SURE: Final = 0.7
"""From this share of sensible values on, no other device file needs to be tried."""


class Likeness(NamedTuple):
    """How well a device file fits what was read.

    Attributes:
        sensible: Points that showed a value which such a device would show.
        wrong: Points that were refused, or showed nonsense.
        points: All points that were looked at.
    """

    profile: str
    sensible: int
    wrong: int
    points: int

    @property
    def score(self) -> float:
        """1 when every point is sensible; nonsense counts against it."""
        return (self.sensible - self.wrong) / self.points if self.points else 0.0


def likeness(profile: DeviceProfile, readings: Mapping[str, Reading]) -> Likeness:
    """Compare one reading of each point with what its type and unit lead one to expect.

    Zeros and idle states say nothing: a device that answers zero everywhere resembles no device.
    """
    points = registers_of(profile.points)
    matches = [_match(points[name], reading) for name, reading in readings.items()]
    return Likeness(profile.profile, matches.count(1), matches.count(-1), len(matches))


def best(candidates: Sequence[Likeness]) -> Likeness | None:
    """Return the device file that fits best; None when none does, or two do equally."""
    ranked = sorted(candidates, key=lambda one: (one.score, one.sensible), reverse=True)
    if not ranked or ranked[0].score < _LEAST:
        return None
    if len(ranked) > 1 and ranked[1][1:] == ranked[0][1:]:
        return None
    return ranked[0]


def worth_trying(
    profiles: Mapping[str, DeviceProfile], identification: str, found: Sequence[str]
) -> list[DeviceProfile]:
    """Return device files, first those whose maker the unit names, then those already met here."""
    text = identification.casefold()

    def rank(profile: DeviceProfile) -> tuple[bool, bool]:
        return (profile.maker.casefold() not in text, profile.profile not in found)

    return sorted(profiles.values(), key=rank)


def _match(point: Point, reading: Reading) -> int:
    if reading.quality is not Quality.GOOD:
        # "Not available" is what a device says of a sensor that is not fitted.
        return 0 if reading.reason == "not_available" else -1
    value = reading.value
    # A count of some codes, and the word for all that is not listed, fit any registers.
    is_listed = point.enum is None or value in point.enum.values()
    if isinstance(value, bool) or not value or point.type in ROWS or not is_listed:
        return 0
    if isinstance(value, str):
        return 1
    if point.type is DataType.FLOAT32 and abs(value) < _TINY:
        return -1
    low, high = _RANGES.get(point.unit, _WIDEST)
    return 1 if low <= value <= high else -1
