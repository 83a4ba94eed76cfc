"""One alarm, from its transition to its sent message, before the first real one comes.

The first run of everything is slow: statements are compiled, tables are looked up, pages are read.
An alarm that comes just after a crash must not wait for that.
"""

from collections.abc import Mapping
from functools import partial

import structlog
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from protocols.reading import Quality
from server.alarming.pipeline import AlarmPipeline
from server.alarms.evaluation.step import Transition
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.series import Series
from server.core.clock import Clock
from server.core.log import WARM_UP
from server.core.records import Records
from server.messages.attempts import mark_sent
from server.messages.claims import claim_due, confirm_claims
from server.messages.rate_limits import Budget, DeliveryPolicy

_KEY = "/warm-up"
"""No estate can be called so: the names of Sparkplug have no slash."""
_POLICY = DeliveryPolicy((Budget(_KEY, 10, 1.0),))


def warm_up(
    records: Records, pipeline: AlarmPipeline, classes: Mapping[str, EquipmentClass], clock: Clock
) -> None:
    """Do all of it in one transaction that is taken back; nothing is sent.

    Raises:
        StoreError: The records cannot be written.
    """
    rule = _any_rule(classes)
    if rule is not None:
        records.dry_run(partial(_perform, pipeline, rule, clock.now_ms()))


def _any_rule(classes: Mapping[str, EquipmentClass]) -> Rule | None:
    book = RuleBook(classes)
    rules = (rule for name in classes for rule in book.rules_of(name, site=_KEY, equipment_id=0))
    fitting = (
        rule for rule in rules if rule.settings.mode == "announce" and not rule.of_communication
    )
    return min(fitting, key=lambda rule: rule.settings.severity.rank, default=None)


def _perform(pipeline: AlarmPipeline, rule: Rule, now: int, session: Session) -> None:
    with structlog.contextvars.bound_contextvars(**{WARM_UP: True}):
        series = _install(session, rule, now=now)
        raised = Transition("raised", rule, series, now, True, Quality.GOOD)  # noqa: FBT003 (a value)
        pipeline.warm_up(session, raised, now=now)
        # One message and several are different statements.
        for limit in (1, 2):
            _deliver(session, limit=limit, now=now)
        pipeline.warm_up(session, raised._replace(kind="returned", value=False), now=now)


def _deliver(session: Session, *, limit: int, now: int) -> None:
    claimed = claim_due(
        session,
        now=now,
        lease_ms=1,
        limit=limit,
        worker=_KEY,
        policy=lambda _channel, _receiver, _address: _POLICY,
    )
    # Claim and outcome are transactions of their own, and so are their statements.
    session.flush()
    confirm_claims(session, messages=[one.id for one in claimed])
    for one in claimed:
        mark_sent(session, one.id, now=now)
    session.flush()


def _install(session: Session, rule: Rule, *, now: int) -> Series:
    """Enter equipment that is taken back with the transaction."""
    site = Site(key=_KEY)
    session.add(site)
    session.flush()
    gateway = Gateway(key=_KEY, site_id=site.id, online=True, since_at=now)
    session.add(gateway)
    session.flush()
    names = {"name_en": _KEY, "name_zh": _KEY}
    equipment = Equipment(
        key=_KEY,
        site_id=site.id,
        gateway_id=gateway.id,
        equipment_class=rule.id.partition(".")[0],
        profile="",
        online=True,
        since_at=now,
        **names,
    )
    session.add(equipment)
    session.flush()
    point = Point(
        key=_KEY, equipment_id=equipment.id, name=rule.point, datatype=11, unit="", **names
    )
    session.add(point)
    session.flush()
    number, of = point.id, equipment.id
    # A real alarm finds nothing of it in its session, and reads it.
    session.expunge_all()
    return Series(number, key=_KEY, name=rule.point, equipment_id=of, max_silence_ms=None)
