"""A small gateway: two pumps, one of them writable."""

from pathlib import Path
from typing import Any

from config.base import Words
from config.edge import AgentSettings
from config.gateway import Gateway, ResolvedDevice
from config.points import Point
from config.profiles import Limits
from protocols.reading import Quality, Reading, Value

NOW = 1_795_000_000_000


def point(**changes: object) -> Point:
    content: dict[str, object] = {
        "table": "holding",
        "address": 0,
        "type": "float32",
        "unit": "bar",
        "period_s": 1,
        "max_silence_s": 300,
        "name": {"en": "Pressure", "zh": "压力"},
    }
    return Point.model_validate(content | changes)


def pump(name: str, **points: Point) -> ResolvedDevice:
    return ResolvedDevice(
        id=name,
        port="line",
        unit=1,
        profile="acme-pump",
        equipment_class="heating_pump",
        name=Words(en=f"Pump {name}", zh=f"水泵 {name}"),
        limits=Limits(),
        points=points or {"pressure": point(), "running": point(type="bit", bit=0, unit="")},
    )


def gateway(
    *devices: ResolvedDevice,
    mqtt_port: int = 1883,
    journal: Path = Path("journal.sqlite"),
    **sections: Any,
) -> Gateway:
    chosen = devices or (
        pump("p1"),
        pump("p2", speed=point(type="uint16", writable={"minimum": 0, "maximum": 50})),
    )
    content: dict[str, Any] = {
        "site": "site",
        "gateway": "gw",
        "mqtt": {"port": mqtt_port},
        "journal": {"path": journal, "commit_interval_s": 0.05},
        "status": {"port": 0},
        "ports": {"line": {"kind": "modbus_tcp", "host": "127.0.0.1", "port": 1502}},
        "devices": {one.id: {"port": "line", "name": one.name.model_dump()} for one in chosen},
    }
    for name, section in sections.items():
        content[name] = content.get(name, {}) | section
    return Gateway(
        settings=AgentSettings.model_validate(content), devices={one.id: one for one in chosen}
    )


def reading(value: Value, at: int = NOW, *, name: str = "pressure") -> Reading:
    return Reading(name, value, Quality.GOOD, at)
