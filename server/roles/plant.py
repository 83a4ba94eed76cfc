"""What the roles ``ingest`` and ``api`` share: the equipment, its rules and its history."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from config.classes import EquipmentClass
from config.load import load_classes
from server.alarming.wiring import follow_series
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.registry import Registry
from server.history.base import LastValue
from server.history.duckdb import DuckHistory
from server.history.opening import StoredHistory, open_history
from server.history.series_tags import describe_by
from server.history_damage import DamageAnnouncer
from server.roles.parts import Parts, RoleContext


@dataclass(frozen=True, slots=True)
class Plant:
    """The equipment of all sites.

    Attributes:
        newest: Last stored value of each series; none without the role ``ingest``.
    """

    classes: Mapping[str, EquipmentClass]
    history: StoredHistory
    engine: AlarmEngine
    registry: Registry
    newest: Sequence[LastValue]
    parts: Parts


async def open_plant(context: RoleContext, *, ingests: bool) -> Plant:
    """Open the history and read the ledger; every series is attached to the alarm engine.

    Args:
        context: What every role stands on.
        ingests: Whether this process writes the history; then the clock goes on where the process
            before was, at the newest reading.

    Raises:
        ConfigError: A class file is wrong.
        StoreError: The records or the history cannot be read.
    """
    settings, clock = context.settings, context.clock
    classes = load_classes(settings.class_files)
    catch_up_ms = round(settings.alarms.catch_up_s * 1000)
    engine = AlarmEngine(RuleBook(classes), clock, catch_up_ms=catch_up_ms)
    registry = Registry(
        context.records,
        clock,
        on_series=partial(follow_series, engine),
        limits=settings.sparkplug.limits,
    )
    history = await asyncio.to_thread(
        open_history,
        settings.history,
        describe=describe_by(registry),
        clock=clock,
        metrics=context.metrics,
    )
    context.stack.callback(history.close)
    newest: Sequence[LastValue] = ()
    if ingests:
        newest = list(await asyncio.to_thread(history.last_values))
        clock.start(
            max((one.taken_at for one in newest), default=0),
            tolerance_ms=round(settings.sparkplug.max_future_s * 1000),
        )
    await asyncio.to_thread(registry.load)
    parts = Parts()
    if isinstance(history, DuckHistory):
        damage = DamageAnnouncer(
            history, context.records, settings.messages, clock, context.metrics
        )
        parts = Parts(works={"history-damage": damage.run}, notes={"history": damage.note})
    return Plant(classes, history, engine, registry, newest, parts)
