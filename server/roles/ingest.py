"""The role ``ingest``: broker, history, and the alarms that follow from readings and time."""

import asyncio

from server.alarming.wiring import Alarming
from server.commands.sender import CommandSender, answers
from server.control.door import Door
from server.core.timer_sweep import Handler, TimerSweep
from server.history_away import AwayAnnouncer
from server.ingest.census import Census
from server.ingest.metrics import IngestMetrics
from server.ingest.reception import prepare_reception
from server.ingest.writer import Ingest, Stored
from server.live.values import LiveValues
from server.plans.facts import FactFinder
from server.plans.record import RUN
from server.plans.runner import PlanRunner
from server.plans.telling import PlanMessages
from server.roles.parts import Parts, RoleContext, Work
from server.roles.plant import Plant
from server.upkeep import Upkeep


async def build_ingest(context: RoleContext, plant: Plant, *, stored: Stored) -> Parts:
    """Restore alarms and series, connect to the broker, and warm the alarms up.

    Args:
        context: What every role stands on.
        plant: Whose readings are stored and evaluated.
        stored: Takes the ids of the series of each stored batch; from any thread, quick.

    Raises:
        StoreError: A store cannot be read.
    """
    settings, records, clock = context.settings, context.records, context.clock
    metrics = IngestMetrics(clock, context.metrics)
    reception = prepare_reception(settings, plant.registry, clock, metrics)
    link = reception.link
    alarming = Alarming(
        settings,
        records=records,
        history=plant.history,
        registry=plant.registry,
        engine=plant.engine,
        classes=plant.classes,
        clock=clock,
        receives=lambda: reception.receives,
        is_behind=reception.is_behind,
        isolation=context.isolation,
    )
    await asyncio.to_thread(alarming.restore, plant.newest)
    ingest = Ingest(
        settings,
        reception=reception,
        records=records,
        history=plant.history,
        registry=plant.registry,
        clock=clock,
        evaluate=alarming.pipeline.on_samples,
        answers=answers(records, clock),
        stored=stored,
        gateways_to_confirm=alarming.gateways_to_confirm,
        metrics=metrics,
    )
    await context.stack.enter_async_context(ingest)
    sender = CommandSender(
        records,
        publish=link.publish,
        connected=lambda: link.connected,
        alias_of=ingest.aliases.find,
        owns=context.shard.owns_key,
        clock=clock,
    )
    plans = build_plans(context, plant)
    with context.isolation.isolate_errors("warm_up"):
        await asyncio.to_thread(alarming.warm_up)
    away = AwayAnnouncer(lambda: ingest.problem("history"), records, settings.messages, clock)
    works: dict[str, Work] = {
        "ingest": ingest.run,
        "history-away": away.run,
        "commands": sender.run,
        "plans": plans.run,
        "upkeep": Upkeep(plant.history, clock).run,
    }
    door = Door(
        settings,
        ingest=ingest,
        history=plant.history,
        reader=plant.reader,
        clock=clock,
        condition=context.condition,
        shard=context.shard,
    )
    works["control"] = door.run
    if not context.shard.is_whole:
        works["census"] = Census(settings.mqtt, link, clock).run
    checks = {
        "ingest": lambda: ingest.alive and not ingest.stuck,
        "history": lambda: "history" not in ingest.stuck,
        "alarm_chain": context.lateness.watch("alarm_chain", lambda: reception.late_s),
        "broker": lambda: link.connected,
        "plans": lambda: plans.works,
    }
    return Parts(
        works={**works, **alarming.works},
        checks={**checks, **alarming.checks},
        notes={"broker": lambda: link.problem, "history-store": away.note},
    )


def build_plans(context: RoleContext, plant: Plant) -> TimerSweep:
    """Build what moves the runs of emergency plans on; it needs live values."""
    runner = PlanRunner(
        context.records,
        FactFinder(LiveValues(plant.registry), plant.classes),
        PlanMessages(context.settings.messages),
        plant.classes,
        context.clock,
        owns=context.shard.owns_key,
    )
    handlers: dict[str, Handler] = {RUN: runner.on_timer}
    return TimerSweep(
        context.records,
        handlers,
        context.clock,
        isolation=context.isolation,
        mine=lambda timer: context.shard.owns_key(timer.payload["equipment"]),
    )
