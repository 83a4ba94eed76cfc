"""How much a gateway may bring into the ledger: a faulty one must not fill the database."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from config.server import LimitSettings
from server.assets.ledger import EquipmentBirth, PointBirth

_MOST_NAMED = 1_000
"""Gateways of which is kept what was refused."""
_SHOWN = 60
"""Characters of a refused name that are told."""
_log = structlog.get_logger()


@dataclass(slots=True)
class _Brought:
    """Names of the points by the key of the equipment, entered or about to be."""

    names: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    points: int = 0
    retired: set[str] = field(default_factory=set[str])
    """Keys of its equipment that is retired; set from any thread."""

    def devices_left(self, gateway: str, most: int) -> int:
        return _left(
            len(self.names) - (gateway in self.names),
            len(self.retired) - (gateway in self.retired),
            most,
        )

    def retired_points(self) -> int:
        return sum(len(self.names.get(key, ())) for key in tuple(self.retired))


class Admission:
    """Knows what each gateway has brought, and refuses more than it may; in one thread.

    What is retired does not count, as long as it is no more than the limit itself: all together
    never is more than twice the limit, however often equipment is born and retired.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._allowed = {
            "gateways": limits.gateways,
            "devices": limits.devices,
            "points": limits.points,
            "long_names": limits.name_length,
        }
        self._gateways: dict[str, _Brought] = {}
        self._retired: set[str] = set()
        """Keys of gateways."""
        self.refused: dict[str, Counter[str]] = {}
        """By gateway: how many devices, points and metrics were refused, or it was itself."""
        self._untold: set[str] = set()

    def note(self, gateway: str, equipment: str, points: Iterable[str]) -> None:
        """Count what is in the ledger already."""
        brought = self._gateways.setdefault(gateway, _Brought())
        known = brought.names.setdefault(equipment, set())
        new = set(points) - known
        known |= new
        brought.points += len(new)

    def set_retired(self, gateway: str, equipment: str, *, retired: bool) -> None:
        """Count equipment that was noted as retired, or not any more; from any thread."""
        of_gateway = self._gateways[gateway].retired
        for keys in (of_gateway, self._retired) if equipment == gateway else (of_gateway,):
            if retired:
                keys.add(equipment)
            else:
                keys.discard(equipment)

    def takes_gateways(self) -> bool:
        """Return whether one more gateway may be entered."""
        return _left(len(self._gateways), len(self._retired), self._limits.gateways) > 0

    def takes_devices(self, gateway: str) -> bool:
        """Return whether one more device of a gateway may be entered."""
        brought = self._gateways.get(gateway)
        return brought is not None and brought.devices_left(gateway, self._limits.devices) > 0

    def admit(self, birth: EquipmentBirth) -> EquipmentBirth | None:
        """Return as much of a birth as may be entered, None when nothing may."""
        key = birth.gateway_key
        for why, names in birth.unusable.items():
            self.refuse(key, why, names)
        brought = self._gateways.get(key)
        if brought is None:
            if not self.takes_gateways():
                self.refuse(key, "gateways", [key])
                return None
            brought = self._gateways[key] = _Brought()
        if birth.key not in brought.names:
            if birth.device is not None and not self.takes_devices(key):
                self.refuse(key, "devices", [birth.device])
                return None
            brought.names[birth.key] = set()
        points = self.admit_points(key, birth.key, birth.points)
        return birth if len(points) == len(birth.points) else replace(birth, points=points)

    def admit_points(
        self, gateway: str, equipment: str, points: Sequence[PointBirth]
    ) -> tuple[PointBirth, ...]:
        """Return those points that may be entered."""
        brought = self._gateways.setdefault(gateway, _Brought())
        known = brought.names.setdefault(equipment, set())
        if all(point.name in known for point in points):
            return tuple(points)
        room = _left(brought.points, brought.retired_points(), self._limits.points)
        admitted: list[PointBirth] = []
        too_many: list[str] = []
        too_long: list[str] = []
        for point in points:
            if point.name not in known:
                if len(point.name) > self._limits.name_length:
                    too_long.append(point.name)
                    continue
                if room <= 0:
                    too_many.append(point.name)
                    continue
                room -= 1
                known.add(point.name)
                brought.points += 1
            admitted.append(point)
        self.refuse(gateway, "points", too_many)
        self.refuse(gateway, "long_names", too_long)
        return tuple(admitted)

    def take_untold(self, is_entered: Callable[[str], bool]) -> dict[str, dict[str, int]]:
        """Return what was refused of gateways since this was asked last, by gateway.

        Args:
            is_entered: Whether a gateway is in the ledger; what is refused of others waits.
        """
        untold = {gateway for gateway in self._untold if is_entered(gateway)}
        self._untold -= untold
        return {gateway: dict(self.refused[gateway]) for gateway in untold}

    def refuse(self, gateway: str, what: str, names: Sequence[str]) -> None:
        """Count what is not taken of a gateway; the first of a kind is logged as an example."""
        if not names:
            return
        counts = self.refused.get(gateway)
        if counts is None:
            if len(self.refused) >= _MOST_NAMED:
                return
            counts = self.refused[gateway] = Counter()
        if not counts[what]:
            _log.error(
                "gateway_refused",
                gateway=gateway,
                what=what,
                refused=len(names),
                example=names[0][:_SHOWN],
                allowed=self._allowed.get(what),
            )
        counts[what] += len(names)
        self._untold.add(gateway)


def _left(entered: int, retired: int, most: int) -> int:
    """Return how many more may be entered."""
    return most - entered + min(retired, most)
