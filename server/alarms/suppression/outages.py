"""Which outage explains an alarm: its gateway, its line, or the feeder of its power.

A cause is text, such as ``gateway:site/gw``, ``line:site/gw/rs485-1`` or
``power:site/gw/board:phase_lost``. An outage explains alarms until some time after it is over,
because not everything returns at once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.classes import Severity
from server.alarms.evaluation.step import Transition
from server.alarms.model import Alarm
from server.alarms.suppression.feeders import Feeders, supplied_by
from server.alarms.suppression.maintenance import suppress_out_of_service
from server.assets.model import Equipment, Gateway
from server.assets.presence import present

AWAITING_OUTAGE = "settling"
"""Not a cause: an alarm that waits a moment for the outage that may explain it."""
SUPPRESSION_DELAY = "alarm.settle"
"""Kind of the timers that end the wait."""
MADE_WITHOUT_RULE = "gateway.line/"
"""Beginning of the rule ids of the alarms of lines (server/alarms/suppression/lines.py)."""
_MANY = 2
"""One device that is silent is a device, several are their line."""


class Child(NamedTuple):
    """What an outage may explain."""

    equipment: Equipment
    of_communication: bool
    """It says that nothing is heard."""
    urgent: bool


class Outages:
    """Knows the topology as the records have it.

    Args:
        announces_silence: Whether a rule that runs on this equipment, by its id, announces that
            nothing is heard of it; what is not announced explains nothing. It is called in a
            transaction.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        *,
        announces_silence: Callable[[int], bool] = lambda _id: True,
    ) -> None:
        self._announces_silence = announces_silence
        self._recover_ms = round(settings.recover_s * 1000)
        self._feeders = Feeders(self._recover_ms, waits=AWAITING_OUTAGE)
        self.delay_ms = round(settings.suppression_delay_s * 1000)

    def suppress(self, session: Session, transition: Transition, now: int) -> dict[str, Any]:
        """Return the columns of an alarm that is not announced, or not yet."""
        suppressed = suppress_out_of_service(session, transition, now)
        rule = transition.rule.settings
        if suppressed or rule.life_safety or rule.mode == "monitor":
            return suppressed
        child = Child(
            session.get_one(Equipment, transition.series.equipment_id),
            transition.rule.of_communication,
            rule.severity is Severity.URGENT,
        )
        cause = self.explain(session, child, now=now)
        # All of a line may be silent because its gateway is about to be found dead.
        may_wait = cause is None or cause.startswith("line:")
        if may_wait and self._may_wait(session, child):
            cause = AWAITING_OUTAGE
        return {} if cause is None else {"suppressed_by": cause}

    def explain_alarm(self, session: Session, alarm: Alarm, *, now: int) -> str | None:
        """Return the outage that explains an alarm that there is already."""
        equipment = session.get_one(Equipment, alarm.equipment_id)
        urgent = alarm.severity == Severity.URGENT
        return self.explain(session, Child(equipment, alarm.of_communication, urgent), now=now)

    def explain(self, session: Session, child: Child, *, now: int) -> str | None:
        """Return the outage that explains an alarm of this equipment; None when there is none."""
        equipment = child.equipment
        gateway = session.get_one(Gateway, equipment.gateway_id)
        lost = child.of_communication and equipment.key != gateway.key
        if lost and self.is_out(session, of_gateway := f"gateway:{gateway.key}", now=now):
            return of_gateway
        # Without power a sump fills: what is urgent wants somebody, whatever the reason.
        if not child.urgent:
            power = self._feeders.root_of(session, equipment, now=now)
            if power is not None:
                return power
        if lost and equipment.port:
            line = f"line:{gateway.key}/{equipment.port}"
            return line if self.is_out(session, line, now=now) else None
        return None

    def is_out(self, session: Session, cause: str, *, now: int) -> bool:
        """Return whether the outage lasts, or is over for so short that it still explains."""
        kind, _, key = cause.partition(":")
        match kind:
            case "gateway":
                row = session.scalar(select(Gateway).where(Gateway.key == key))
                return (
                    row is not None
                    and self._away([row], now=now)
                    and self._is_announced(session, row)
                )
            case "line":
                units = units_of_line(session, key)
                return len(units) >= _MANY and self._away(units, now=now)
            case "power":
                return self._feeders.is_root(session, cause, now=now)
            case _:
                return False

    def explained_otherwise(self, session: Session, cause: str) -> list[Alarm]:
        """Return the alarms under a feeder's outage that it does not supply, or not any more."""
        return self._feeders.strangers(session, cause) if cause.startswith("power:") else []

    def _away(self, units: list[Any], *, now: int) -> bool:
        back = [unit.since_at for unit in units if unit.online]
        return not back or now - min(back) < self._recover_ms

    def _is_announced(self, session: Session, gateway: Gateway) -> bool:
        """Return whether somebody hears, or will hear, that the gateway is away."""
        unit_id = session.scalar(select(Equipment.id).where(Equipment.key == gateway.key))
        if unit_id is None:
            return True
        query = select(Alarm.monitored).where(
            Alarm.equipment_id == unit_id,
            Alarm.of_communication,
            Alarm.active,
            Alarm.closed_at.is_(None),
            ~Alarm.rule.startswith(MADE_WITHOUT_RULE),
        )
        on_trial = session.scalars(query).all()
        return not all(on_trial) if on_trial else self._announces_silence(unit_id)

    def _may_wait(self, session: Session, child: Child) -> bool:
        equipment = child.equipment
        if child.of_communication:
            gateway = session.get_one(Gateway, equipment.gateway_id)
            return equipment.key != gateway.key
        # What is urgent never waits for an explanation.
        return not child.urgent and supplied_by(session, equipment.id) != []


def is_silent(units: list[Equipment]) -> bool:
    """Return whether no unit of this line answers now."""
    return len(units) >= _MANY and not any(unit.online for unit in units)


def units_of_line(session: Session, line: str) -> list[Equipment]:
    """Return the equipment on a line ``site/gateway/port`` that is still there."""
    gateway, _, port = _split_line(line)
    query = (
        select(Equipment)
        .join(Gateway, Gateway.id == Equipment.gateway_id)
        .where(Gateway.key == gateway, Equipment.port == port, present())
    )
    return list(session.scalars(query))


def _split_line(line: str) -> tuple[str, str, str]:
    # A port may have slashes in its name (/dev/ttyS1); the first two parts are the gateway.
    site, _, rest = line.partition("/")
    gateway, slash, port = rest.partition("/")
    return f"{site}/{gateway}", slash, port
