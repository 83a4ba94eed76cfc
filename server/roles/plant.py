"""What the roles ``ingest`` and ``api`` share: the equipment, its rules and its history."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from config.classes import EquipmentClass
from config.load import load_classes
from config.load_server import load_plans
from config.plans import EmergencyPlan
from server.alarming.wiring import follow_series
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.registry import Registry
from server.core.errors import StoreAwayError
from server.history.base import LastValue
from server.history.duckdb import DuckHistory
from server.history.opening import StoredHistory, open_history
from server.history.rationed import RationedReader
from server.history.series_tags import describe_by
from server.history_damage import DamageAnnouncer
from server.roles.parts import Parts, RoleContext


@dataclass(frozen=True, slots=True)
class Plant:
    """The equipment of the sites of this process, which is only known where it is ingested.

    Attributes:
        reader: Gives whoever reads the history for people a turn.
        newest: Last stored value of each series, none without the role ``ingest``; None: the
            server of the history is away.
    """

    classes: Mapping[str, EquipmentClass]
    plans: Mapping[str, EmergencyPlan]
    history: StoredHistory
    reader: RationedReader
    engine: AlarmEngine
    registry: Registry
    newest: Sequence[LastValue] | None
    parts: Parts


async def open_plant(context: RoleContext, *, ingests: bool) -> Plant:
    """Open the history; who ingests reads the ledger and attaches every series to the rules.

    Args:
        context: What every role stands on.
        ingests: Whether this process writes the history; then the clock goes on where the process
            before was, at the newest reading.

    Raises:
        ConfigError: A class or plan file is wrong.
        StoreError: The records or the history cannot be read.
    """
    settings, clock = context.settings, context.clock
    classes = load_classes(settings.class_files)
    plans = load_plans(settings, classes)
    catch_up_ms = round(settings.alarms.catch_up_s * 1000)
    engine = AlarmEngine(RuleBook(classes), clock, catch_up_ms=catch_up_ms)
    registry = Registry(
        context.records,
        clock,
        on_series=partial(follow_series, engine),
        limits=settings.sparkplug.limits,
        shard=context.shard,
    )
    history = await asyncio.to_thread(
        open_history,
        settings.history,
        describe=describe_by(registry),
        clock=clock,
        metrics=context.metrics,
    )
    context.stack.callback(history.close)
    reader = RationedReader(clock)
    context.stack.callback(reader.close)
    newest: Sequence[LastValue] | None = ()
    if ingests:
        newest = await asyncio.to_thread(_newest_of, history)
        if newest is not None:
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
    return Plant(classes, plans, history, reader, engine, registry, newest, parts)


def _newest_of(history: StoredHistory) -> Sequence[LastValue] | None:
    try:
        return list(history.last_values())
    except StoreAwayError:
        return None
