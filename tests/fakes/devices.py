"""Devices and points as the configuration would resolve them, in one line each."""

from typing import Any

from config.base import Words
from config.gateway import ResolvedDevice
from config.points import DataType, Point, Table
from config.profiles import Limits

_NAME = Words(en="Thing", zh="东西")


def point(address: int, **options: Any) -> Point:
    """A point; holding uint16 every second unless told otherwise."""
    given: dict[str, Any] = {
        "table": Table.HOLDING,
        "type": DataType.UINT16,
        "period_s": 1.0,
        "max_silence_s": 300.0,
        "name": _NAME,
    }
    return Point(address=address, **(given | options))


def device(
    name: str, points: dict[str, Point], *, unit: int = 1, port: str = "bus", **limits: int
) -> ResolvedDevice:
    """A device on one port."""
    return ResolvedDevice(
        id=name,
        port=port,
        unit=unit,
        profile="",
        equipment_class="",
        name=_NAME,
        limits=Limits(**limits),
        points=points,
    )
