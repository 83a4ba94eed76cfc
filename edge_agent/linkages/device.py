"""A linkage as the server sees it: a device of the gateway, with points."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from config.base import Words
from config.gateway import Gateway, ResolvedDevice
from config.linkages import Linkage
from config.points import DataType, Point, Table
from config.profiles import Limits
from config.writable import Writable
from edge_agent.linkages.state import LinkageState, State
from protocols.reading import Quality, Reading, Value

PORT: Final = "(linkage)"
"""Of all linkages; no port of an agent file can have this name."""
RESET: Final = "reset"
SILENCE_S: Final = 300.0
"""Everything is reported at least this often, seconds."""
NOT_SEEN_YET: Final = "not_read"

_CLASS: Final = "linkage"
_NAMES: Final = {
    "state": ("State", "联动状态"),
    "condition": ("Condition", "联动条件"),
    "latched": ("Waits for a reset", "等待复位"),
    "armed": ("Armed", "已投入"),
    "runs": ("Runs", "动作次数"),
    "last_run": ("Last run", "最近一次动作"),
    RESET: ("Reset", "复位"),
}
_STATES: Final = {
    State.READY: ("Ready", "待命"),
    State.DELAYED: ("Delayed", "延时中"),
    State.RUNNING: ("Running", "执行中"),
    State.DONE: ("Done", "已执行"),
    State.FAILED: ("Failed", "执行失败"),
    State.LIMITED: ("Ran too often", "次数超限"),
}
_TYPES: Final = {
    "state": DataType.ENUM,
    "condition": DataType.BOOL,
    "latched": DataType.BOOL,
    "armed": DataType.BOOL,
    "runs": DataType.UINT32,
    "last_run": DataType.STRING,
    RESET: DataType.BOOL,
}


def with_linkages(gateway: Gateway) -> Gateway:
    """Return the gateway as it is reported: each linkage is one more device."""
    return replace(gateway, devices={**gateway.devices, **devices_of(gateway.settings.linkages)})


def devices_of(linkages: Mapping[str, Linkage]) -> dict[str, ResolvedDevice]:
    """Return the device that stands for each linkage."""
    return {
        name: ResolvedDevice(
            id=name,
            port=PORT,
            unit=0,
            profile="",
            equipment_class=_CLASS,
            name=linkage.name,
            limits=Limits(),
            points={one: _point(one) for one in _TYPES},
            state_words={
                "state": {one.value: Words(en=en, zh=zh) for one, (en, zh) in _STATES.items()}
            },
        )
        for name, linkage in linkages.items()
    }


def readings_of(state: LinkageState, why_unknown: str, at_ms: int, seen_at: int) -> list[Reading]:
    """Return a reading of each point.

    Args:
        state: Of the linkage.
        why_unknown: Why its condition is not known; empty when it is.
        at_ms: UTC ms.
        seen_at: Time of what its condition was judged by, UTC ms.
    """
    memory = state.memory
    values: dict[str, Value] = {
        "state": state.state.value,
        "latched": memory.latched,
        "armed": state.linkage.armed,
        "runs": memory.runs,
        "last_run": last_run_of(state),
        RESET: False,
    }
    readings = [Reading(name, value, Quality.GOOD, at_ms) for name, value in values.items()]
    quality = Quality.BAD if why_unknown else Quality.GOOD
    truth = None if why_unknown else state.truth
    return [*readings, Reading("condition", truth, quality, seen_at, why_unknown)]


def last_run_of(state: LinkageState) -> str:
    """Return when the last run began and what became of each command, in words."""
    memory = state.memory
    if memory.began_at is None:
        return "never"
    began = datetime.fromtimestamp(memory.began_at / 1000, UTC).isoformat(timespec="milliseconds")
    what = "not armed, would have given: " if memory.dry else ""
    return f"{began.replace('+00:00', 'Z')} {what}{'; '.join(memory.results) or 'under way'}"


def _point(name: str) -> Point:
    kind = _TYPES[name]
    en, zh = _NAMES[name]
    # It has no register; the table and address are those of a point that nobody reads.
    return Point(
        table=Table.COIL if kind is DataType.BOOL else Table.HOLDING,
        address=0,
        type=kind,
        length=125 if kind is DataType.STRING else None,
        enum=dict(enumerate(State)) if kind is DataType.ENUM else None,
        writable=Writable(minimum=1, min_interval_s=0) if name == RESET else None,
        name=Words(en=en, zh=zh),
        period_s=1.0,
        max_silence_s=SILENCE_S,
    )
