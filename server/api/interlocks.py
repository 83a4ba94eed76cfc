"""Whether interlocks hold now, as far as the server knows; the gateway decides by itself."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import ConfigError
from config.interlock import Place, compile_interlock
from protocols.reading import Value
from server.api.context import Services
from server.api.shapes import live_value
from server.assets.model import Equipment, Point


def interlocks_now(
    session: Session, use: Services, equipment: Equipment, texts: Collection[str]
) -> dict[str, bool | None]:
    """Return of each whether it is satisfied by good values; None when that cannot be known.

    Args:
        session: The transaction; the gateway's points are read once, if there is any interlock.
        use: Has the last values.
        equipment: What the commands are for.
        texts: The interlocks, as the birth says them.
    """
    if not texts:
        return {}
    found = session.execute(
        select(Equipment.key, Equipment.online, Point.id, Point.name, Point.max_silence_ms)
        .join(Equipment, Equipment.id == Point.equipment_id)
        .where(Equipment.gateway_id == equipment.gateway_id)
    )
    devices: defaultdict[str, set[str]] = defaultdict(set)
    points: dict[Place, tuple[int, int | None, bool]] = {}
    for key, online, number, name, max_silence_ms in found:
        place = Place(_device(key), name)
        devices[place.device].add(name)
        points[place] = (number, max_silence_ms, online)

    def holds(text: str) -> bool | None:
        try:
            interlock = compile_interlock(text, _device(equipment.key), devices)
        except ConfigError:
            # It speaks of a point that no birth has declared.
            return None
        return interlock.holds({place: _good(use, *points[place]) for place in interlock.places})

    return {text: holds(text) for text in texts}


def _device(key: str) -> str:
    """Return the id that the gateway's file gives to equipment; its own key is site/gateway."""
    return key.split("/", 2)[-1]


def _good(use: Services, point_id: int, max_silence_ms: int | None, online: bool) -> Value:  # noqa: FBT001 (a column)
    last = use.values.read(point_id)
    if last is None:
        return None
    now = use.clock.now_ms()
    shown = live_value(last, max_silence_ms=max_silence_ms, now=now, online=online)
    return last.value if shown.quality == "good" else None
