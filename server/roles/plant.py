"""What the roles ``ingest`` and ``api`` share: the equipment, its rules and its history."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from config.classes import EquipmentClass
from config.load import load_classes
from server.alarming.wiring import follow_series
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.registry import Registry
from server.history.duckdb import DuckHistory
from server.history_damage import DamageAnnouncer
from server.roles.parts import Ground, Parts


@dataclass(frozen=True, slots=True)
class Plant:
    """The equipment of all sites."""

    classes: Mapping[str, EquipmentClass]
    history: DuckHistory
    engine: AlarmEngine
    registry: Registry
    parts: Parts


async def open_plant(ground: Ground) -> Plant:
    """Open the history and read the ledger; every series is attached to the alarm engine.

    Raises:
        ConfigError: A class file is wrong.
        StoreError: The records cannot be read.
    """
    settings, clock = ground.settings, ground.clock
    history = DuckHistory(
        settings.history.path,
        memory_limit_mb=settings.history.memory_limit_mb,
        retention_days=settings.history.retention_days,
    )
    ground.stack.callback(history.close)
    damage = DamageAnnouncer(history, ground.records, settings.messages, clock, ground.metrics)
    classes = load_classes(settings.class_files)
    catch_up_ms = round(settings.alarms.catch_up_s * 1000)
    engine = AlarmEngine(RuleBook(classes), clock, catch_up_ms=catch_up_ms)
    registry = Registry(
        ground.records,
        clock,
        on_series=partial(follow_series, engine),
        limits=settings.sparkplug.limits,
    )
    await asyncio.to_thread(registry.load)
    parts = Parts(works={"history-damage": damage.run}, notes={"history": damage.note})
    return Plant(classes, history, engine, registry, parts)
