"""Writes the week: the simulated plant lives it, the server's own code stores and judges it."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

from config.edge import AgentSettings
from config.gateway import Gateway, ResolvedDevice
from config.load import load_classes, load_profiles
from config.resolve import resolve
from config.server import ServerSettings
from edge_agent.uplink.births import device_birth
from edge_agent.uplink.encoder import DeviceEncoder
from plantroom.errors import DemoError
from plantroom.week.chain import PastChain, PastClock
from plantroom.week.happenings import HAPPENINGS, LEFT_OVER, Happening
from protocols.reading import Quality, Value
from protocols.sparkplug.births import Table
from protocols.sparkplug.payload import parse
from protocols.sparkplug.topics import MessageKind, Topic
from server.alarming.wiring import follow_series
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.asset import Asset
from server.assets.ledger import EquipmentBirth
from server.assets.registry import Registry
from server.assets.series import Sample, Series
from server.core.records import Records
from server.history.base import Batch, History
from server.history.opening import open_history
from server.history.series_tags import describe_by
from server.ingest.births import equipment_birth
from simulators.agent_file import agent_file_for, fixed_addresses
from simulators.estate import Estate
from simulators.plant import Plant

DAYS: Final = 7
_DAY_MS: Final = 86_400_000
_STEP_MS: Final = 600_000
"""Between two readings of a point."""
_FINE_MS: Final = 10_000
"""Likewise while something is wrong."""
_BEFORE_MS: Final = 60_000
"""So long before a fault its unit is looked at finely."""
_SETTLED_MS: Final = 1_800_000
"""So long after its end it is looked at likewise: cold rooms take a while to warm up."""
_MOST_ROWS: Final = 50_000


class Week(NamedTuple):
    """What was written."""

    readings: int
    happenings: int


def write_week(
    settings: ServerSettings,
    estate: Estate,
    *,
    until_ms: int,
    progress: Callable[[int], None],
) -> Week:
    """Write the week before ``until_ms`` into a data folder that no server has open.

    Args:
        settings: Of the server file; its records have people, and no equipment.
        estate: Whose plant lives the week, and whose devices are born.
        until_ms: UTC ms; the end.
        progress: Hears how many of ``DAYS`` are behind it.

    Raises:
        PlantroomError: A store cannot be opened or written, or a fault was announced by no rule.
    """
    start_ms = until_ms - DAYS * _DAY_MS
    gateway = _gateway_of(estate)
    clock = PastClock(start_ms)
    with Records.open(settings.records.url) as records:
        classes = load_classes(settings.class_files)
        engine = AlarmEngine(RuleBook(classes), clock)
        registry = Registry(
            records, clock, on_series=lambda one, asset: follow_series(engine, one, asset)
        )
        registry.load()
        registry.born(*_births(gateway, now_ms=start_ms))
        history = open_history(
            settings.history,
            describe=describe_by(registry),
            clock=clock,
            metrics=CollectorRegistry(),
        )
        try:
            chain = PastChain(settings, records, engine, clock)
            past = _Past(Plant(estate, started_s=start_ms / 1000), registry, history, chain)
            past.live(start_ms, f"{estate.site}/{estate.gateway}", progress)
        finally:
            history.close()
    return Week(past.readings, past.happenings)


def _gateway_of(estate: Estate) -> Gateway:
    """Return the devices as an agent has them; where their lines are does not matter."""
    ports = count(1)
    addresses = {
        name: address if address.path else address._replace(port=next(ports))
        for name, address in fixed_addresses(estate).items()
    }
    content = agent_file_for(estate, addresses)
    settings = AgentSettings.model_validate_json(json.dumps(content), strict=True)
    return resolve(settings, classes=load_classes(), profiles=load_profiles())


def _births(gateway: Gateway, *, now_ms: int) -> Iterator[EquipmentBirth]:
    """Return what the agent will say of its devices when it is born."""
    settings = gateway.settings
    for device in gateway.devices.values():
        payload = parse(device_birth(_encoder(device), online=False, now_ms=now_ms))
        topic = Topic(settings.site, MessageKind.DBIRTH, settings.gateway, device.id)
        yield equipment_birth(topic, payload, Table(payload.metrics, online=False))


def _encoder(device: ResolvedDevice) -> DeviceEncoder:
    numbers = count(1)
    return DeviceEncoder(device, lambda _device, _point, _datatype: next(numbers))


class _Past:
    """The plant, and where what it shows goes."""

    def __init__(
        self, plant: Plant, registry: Registry, history: History, chain: PastChain
    ) -> None:
        self._plant, self._registry = plant, registry
        self._history, self._chain = history, chain
        self._batch = Batch()
        self.readings = 0
        self.happenings = 0

    def live(self, start_ms: int, gateway_key: str, progress: Callable[[int], None]) -> None:
        """Let the week happen, from its first instant to its last."""
        assets = {
            name: asset
            for name in self._plant.units
            if (asset := self._registry.asset(f"{gateway_key}/{name}")) is not None
        }
        end_ms = start_ms + DAYS * _DAY_MS
        # Each unit's time runs on by itself, the chain's with what happens.
        reached = dict.fromkeys(assets, start_ms)
        for one in HAPPENINGS:
            if one.unit in assets:
                begin = start_ms + one.day * _DAY_MS + one.minute * 60_000
                fine = begin - _BEFORE_MS
                self._read_until(one.unit, assets[one.unit], reached[one.unit], fine)
                reached[one.unit] = self._happen(one, begin, assets[one.unit])
                progress(one.day)
        for name, asset in assets.items():
            self._read_until(name, asset, reached[name], end_ms)
        self._store()
        progress(DAYS)

    def _read_until(self, name: str, asset: Asset, start: int, end: int) -> None:
        for at in range(start, end, _STEP_MS):
            self._read(name, asset, at)

    def _happen(self, happening: Happening, begin: int, asset: Asset) -> int:
        """Let one fault begin and end, and people do what they did once it was announced.

        Returns:
            Until when its unit was looked at, UTC ms.
        """
        unit = self._plant.units[happening.unit]
        over = begin + happening.minutes * 60_000
        turns = [(begin, happening.event), (over, "clear")]
        deeds = list(happening.deeds)
        announced, at, until = None, begin - _BEFORE_MS, over + _SETTLED_MS
        while at < until or not self._chain.is_settled():
            if at > until + _DAY_MS:
                raise DemoError(f"{happening.unit} never settles after {happening.event}")
            while turns and turns[0][0] <= at:
                when, event = turns.pop(0)
                unit.happen(event, when / 1000)
            self._chain.see(self._read(happening.unit, asset, at), at)
            if announced is None and self._chain.has_incident(asset.id):
                announced = at
            while announced is not None and deeds and deeds[0].due(announced) <= at:
                self._chain.do(deeds.pop(0), asset.id, at)
            at += _FINE_MS
        if announced is None:
            raise DemoError(f"no rule heard of {happening.unit} {happening.event}")
        for deed in (*deeds, *LEFT_OVER):
            self._chain.do(deed, asset.id, deed.due(announced))
        self.happenings += 1
        return at

    def _read(self, name: str, asset: Asset, at: int) -> list[Sample]:
        """Read every point of a unit that its model has."""
        values = self._plant.units[name].equipment.values(at / 1000)
        samples: list[Sample] = []
        for point, value in values.items():
            series = asset.series.get(point)
            if series is not None and value is not None:
                samples.append(self._sample(series, value, at))
        if len(self._batch) >= _MOST_ROWS:
            self._store()
        return samples

    def _sample(self, series: Series, value: Value, at: int) -> Sample:
        before = series.last_at
        self._batch.add(series.id, at, value)
        if at > before:
            series.last_at, series.last_value, series.last_quality = at, value, Quality.GOOD
        return Sample(series, value, Quality.GOOD, at, before_at=before)

    def _store(self) -> None:
        if len(self._batch):
            self._history.append(self._batch)
            self.readings += len(self._batch)
            self._batch = Batch()
