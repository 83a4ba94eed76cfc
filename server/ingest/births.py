"""From a Sparkplug birth to what the ledger wants to know, and births kept for a restart."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.errors import FrameError
from protocols.reading import Value
from protocols.sparkplug.births import AMBIGUOUS, Table
from protocols.sparkplug.names import (
    BD_SEQ,
    CLASS,
    COMMAND_RESULT,
    DEVICES,
    JOURNAL_ACK,
    NAME_EN,
    NAME_ZH,
    ONLINE,
    PROFILE,
    PROPERTY_ENG_UNIT,
    PROPERTY_INTERLOCK,
    PROPERTY_MAX_SILENCE,
    PROPERTY_MAXIMUM,
    PROPERTY_MINIMUM,
    PROPERTY_NAME_EN,
    PROPERTY_NAME_ZH,
    PROPERTY_WRITABLE,
    REBIRTH,
    SOFTWARE,
    STATE,
    STATE_REASON,
    UNIT,
    VERSION,
    state_and_language,
)
from protocols.sparkplug.payload import parse
from protocols.sparkplug.properties import read_properties
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload
from protocols.sparkplug.topics import MessageKind, Topic
from protocols.sparkplug.values import READERS
from server.assets.ledger import GATEWAY_CLASS, EquipmentBirth, PointBirth
from server.assets.naming import point_name
from server.assets.state_words import StateWord, StateWords, shared
from server.core.upsert import replace_all
from server.ingest.model import Birth

_BIRTHS = (MessageKind.NBIRTH, MessageKind.DBIRTH)
_NO_POINTS = frozenset(
    {
        *("", BD_SEQ, REBIRTH, JOURNAL_ACK, COMMAND_RESULT, SOFTWARE, VERSION, DEVICES, CLASS),
        *(PROFILE, NAME_EN, NAME_ZH, UNIT, ONLINE, STATE, STATE_REASON),
        *("Node Control/Reboot", "Node Control/Next Server"),
        *("Device Control/Reboot", "Device Control/Rebirth"),
    }
)
"""What this protocol says under names of its own; all other names are somebody's values."""
_MAX_NAME = 200
_MAX_UNIT = 32
_MAX_INTERLOCK = 1000
_MAX_STATES = 256
_MAX_WORD = 120
_FOREVER = 2**53
_LANGUAGES = {"en", "zh"}


class StoredBirth(NamedTuple):
    """A birth as it is kept."""

    bd_seq: int
    received_at: int
    payload: bytes


def is_point(name: str) -> bool:
    """Tell whether a metric is a value of the plant rather than of the protocol."""
    return not (name in _NO_POINTS or len(name) > _MAX_NAME or "\0" in name)


def unusable(name: str, datatype: int) -> str:
    """Return why a metric can be no point, as a fixed word; empty when it can, or is none."""
    if len(name) > _MAX_NAME:
        return "long_names"
    if not name or "\0" in name:
        return "unusable_names"
    return "" if name in _NO_POINTS or datatype in READERS else "unusable_types"


def equipment_birth(topic: Topic, payload: WirePayload, table: Table) -> EquipmentBirth:
    """Return what a birth says; nodes that know nothing of our properties get plain names."""
    words = _words(payload.metrics)
    own = topic.device or topic.node
    name = _clean(words.get(NAME_EN), own)
    return EquipmentBirth(
        site=topic.group,
        gateway=topic.node,
        device=topic.device,
        equipment_class=_clean(words.get(CLASS), "" if topic.device else GATEWAY_CLASS),
        profile=_clean(words.get(PROFILE), "" if topic.device else _software(words)),
        name_en=name,
        name_zh=_clean(words.get(NAME_ZH), name),
        port=_clean(words.get(UNIT), "").rpartition("/")[0],
        points=tuple({point.name: point for point in _points(payload.metrics, table)}.values()),
        online=table.online,
        unusable=_unusable(payload.metrics, table),
    )


def devices_named(payload: WirePayload, table: Table) -> frozenset[str] | None:
    """Return the devices that a node says it is configured with; None when it says nothing."""
    if DEVICES not in table.names:
        return None
    for metric in payload.metrics:
        known = table.find(metric)
        # A null or another datatype is no list: taken for an empty one, it would remove all.
        if known is not None and known.name == DEVICES and metric.HasField("string_value"):
            return frozenset(filter(None, metric.string_value.split(",")))
    return None


def undeclared_point(name: str, datatype: int) -> PointBirth:
    """Return a point of which only a data message speaks."""
    return PointBirth(point_name(name), datatype, "", name, name, None)


def store_births(session: Session, births: Mapping[str, StoredBirth]) -> None:
    """Keep the last birth of each key."""
    rows = [{"key": key, **birth._asdict()} for key, birth in births.items()]
    replace_all(session, Birth, rows, key="key")


def stored_births(session: Session) -> list[tuple[Topic, int, WirePayload]]:
    """Return what was kept, each node before its devices; the kind of the topic means nothing."""
    found: list[tuple[Topic, int, WirePayload]] = []
    for row in session.scalars(select(Birth)):
        site, gateway, *device = row.key.split("/")
        topic = Topic(site, _BIRTHS[bool(device)], gateway, device[0] if device else None)
        try:
            found.append((topic, row.bd_seq, parse(row.payload)))
        except FrameError:
            continue  # a rebirth is asked when the node speaks
    return sorted(found, key=lambda birth: birth[0].device or "")


def _points(metrics: Iterable[WireMetric], table: Table) -> Iterable[PointBirth]:
    for metric in metrics:
        known = table.names.get(metric.name)
        if known is None or known.read is None or not is_point(known.name):
            continue
        properties = _properties(metric)
        silence = properties.get(PROPERTY_MAX_SILENCE)
        name = _clean(properties.get(PROPERTY_NAME_EN), known.name)
        yield PointBirth(
            name=point_name(known.name),
            datatype=known.datatype,
            unit=_clean(properties.get(PROPERTY_ENG_UNIT), "")[:_MAX_UNIT],
            name_en=name,
            name_zh=_clean(properties.get(PROPERTY_NAME_ZH), name),
            max_silence_ms=silence if isinstance(silence, int) and 0 < silence < _FOREVER else None,
            writable=properties.get(PROPERTY_WRITABLE) is True,
            minimum=_bound(properties.get(PROPERTY_MINIMUM)),
            maximum=_bound(properties.get(PROPERTY_MAXIMUM)),
            interlock=_clean(properties.get(PROPERTY_INTERLOCK), "", most=_MAX_INTERLOCK),
            words=_state_words(properties),
        )


def _state_words(properties: Mapping[str, Value]) -> StateWords:
    """Return what is said for the states of a point; a language that is missing is as the other."""
    said: dict[str, dict[str, str]] = {}
    for name, text in properties.items():
        found = state_and_language(name)
        word = _clean(text, "", most=_MAX_WORD)
        if found is None or not word or len(found[0]) > _MAX_NAME or "\0" in found[0]:
            continue
        state, language = found
        said.setdefault(state, {})[language] = word
    words = [
        StateWord(state, one.get("en") or one["zh"], one.get("zh") or one["en"])
        for state, one in said.items()
        if one.keys() & _LANGUAGES
    ]
    return shared(tuple(words[:_MAX_STATES]))


def _unusable(metrics: Iterable[WireMetric], table: Table) -> Mapping[str, Sequence[str]]:
    """Return the metrics of a birth that can be no points, or whose values nobody can tell apart.

    By the reason, their names. Two metrics of one name are one point; its values may be either's.
    """
    found: dict[str, list[str]] = {}
    names: set[str] = set()
    for metric in metrics:
        name = metric.name
        known = table.names.get(name)
        why = unusable(name, 0 if known is None else known.datatype)
        if not why and name in names:
            why = "repeated_names"
        elif not why and known is not None and known.alias is not None:
            why = "shared_aliases" if table.aliases.get(known.alias) is AMBIGUOUS else ""
        names.add(name)
        if why:
            found.setdefault(why, []).append(name)
    return found


def _properties(metric: WireMetric) -> Mapping[str, Value]:
    if not metric.HasField("properties"):
        return {}
    try:
        return read_properties(metric.properties)[2] or {}
    except FrameError:
        return {}


def _bound(properties: Value) -> float | None:
    if (
        isinstance(properties, bool)
        or not isinstance(properties, int | float)
        or not isfinite(properties)
    ):
        return None
    return float(properties)


def _words(metrics: Iterable[WireMetric]) -> dict[str, str]:
    wanted = {CLASS, PROFILE, NAME_EN, NAME_ZH, UNIT, SOFTWARE, VERSION}
    return {metric.name: metric.string_value for metric in metrics if metric.name in wanted}


def _software(words: Mapping[str, str]) -> str:
    """Return the program of a node and its version, as far as it says."""
    return _clean(" ".join(filter(None, (words.get(SOFTWARE), words.get(VERSION)))), "")


def _clean(text: Value, default: str, *, most: int = _MAX_NAME) -> str:
    """Return the text as a database takes it, or the default when there is none."""
    if not isinstance(text, str):
        return default
    return text.replace("\0", "").strip()[:most] or default
