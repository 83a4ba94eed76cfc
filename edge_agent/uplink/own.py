"""What a gateway says of itself: what waits in its journal, how its ports and units do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from config.base import Words
from edge_agent.uplink.encoder import DeviceEncoder
from protocols.reading import Value
from protocols.sparkplug import names
from protocols.sparkplug.datatypes import DataType

Loads: TypeAlias = Callable[[], Mapping[str, float]]
"""Returns the share of the last minute that each port was busy."""

REPORT_S: Final = 60.0
_MAX_SILENCE_MS: Final = 180_000
_WAITING: Final = "journal_waiting"
_LOAD: Final = "load"
_UNSTEADY: Final = "unsteady"
_DEGRADED: Final = "degraded"


class OwnPoint(NamedTuple):
    """A point of the gateway itself."""

    datatype: DataType
    words: Words
    unit: str = ""
    port: str = ""
    """Port that it is about; empty: none."""

    @property
    def properties(self) -> dict[str, Value]:
        """What a birth says of it."""
        unit: dict[str, Value] = {names.PROPERTY_ENG_UNIT: self.unit} if self.unit else {}
        return unit | {
            names.PROPERTY_MAX_SILENCE: _MAX_SILENCE_MS,
            names.PROPERTY_NAME_EN: self.words.en,
            names.PROPERTY_NAME_ZH: self.words.zh,
        }


def own_points(ports: Iterable[str]) -> dict[str, OwnPoint]:
    """Return the points of a gateway with these ports, by name."""
    waiting = Words(en="Messages waiting in the journal", zh="待发消息")
    points = {_WAITING: OwnPoint(DataType.INT64, waiting)}
    for port in ports:
        load = Words(en=f"Load of {port}", zh=f"{port} 负荷")
        unsteady = Words(en=f"Answer badly on {port}", zh=f"{port} 应答不良")
        points[f"{_LOAD}.{port}"] = OwnPoint(DataType.FLOAT, load, "%", port)
        points[f"{_UNSTEADY}.{port}"] = OwnPoint(DataType.STRING, unsteady, "", port)
    return points


def own_values(
    points: Mapping[str, OwnPoint],
    *,
    waiting: int,
    loads: Mapping[str, float],
    encoders: Mapping[str, DeviceEncoder],
) -> dict[str, Value]:
    """Return the value of each point now.

    Args:
        points: Of this gateway.
        waiting: Messages in the journal.
        loads: Share of the last minute that each port was busy.
        encoders: By device; they remember how its unit answers.
    """
    values: dict[str, Value] = {}
    for name, point in points.items():
        if name == _WAITING:
            values[name] = waiting
        elif point.datatype is DataType.FLOAT:
            values[name] = round(100 * loads.get(point.port, 0.0), 1)
        else:
            values[name] = ",".join(_unsteady(encoders, point.port))
    return values


def _unsteady(encoders: Mapping[str, DeviceEncoder], port: str) -> list[str]:
    """Return the devices of a port whose answers are missing now and then."""
    return [
        name
        for name, encoder in sorted(encoders.items())
        if encoder.device.port == port and _state_of(encoder) == _DEGRADED
    ]


def _state_of(encoder: DeviceEncoder) -> Value:
    last, _ = encoder.remembered(names.STATE)
    return None if last is None else last.value
