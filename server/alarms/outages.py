"""Which outage explains an alarm: its gateway, its line, or the feeder of its power.

A cause is text, such as ``gateway:site/gw``, ``line:site/gw/rs485-1`` or ``power:site/gw/board``.
An outage explains alarms until some time after it is over, because not everything returns at once.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.alarming import AlarmSettings
from config.classes import Severity
from server.alarms.hiding import hide_out_of_service
from server.alarms.model import Alarm
from server.alarms.step import Transition
from server.assets.model import Equipment, Gateway, PowerLink

SETTLING = "settling"
"""Not a cause: an alarm that waits a moment for the outage that may explain it."""
SETTLE = "alarm.settle"
"""Kind of the timers that end the wait."""
_MANY = 2
"""One device that is silent is a device, several are their line."""


class Outages:
    """Knows the topology as the records have it."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._recover_ms = round(settings.recover_s * 1000)
        self.settle_ms = round(settings.settle_s * 1000)

    def hide(self, session: Session, transition: Transition, now: int) -> dict[str, Any]:
        """Return the columns of an alarm that people shall not hear of, or not yet."""
        hidden = hide_out_of_service(session, transition, now)
        rule = transition.rule.settings
        if hidden or rule.life_safety or rule.mode == "monitor":
            return hidden
        equipment = session.get_one(Equipment, transition.series.equipment_id)
        lost = transition.rule.of_communication
        cause = self.explain(session, equipment, of_communication=lost, now=now)
        # All of a line may be silent because its gateway is about to be found dead.
        unsure = cause is None or cause.startswith("line:")
        if unsure and self._may_settle(session, equipment, transition):
            cause = SETTLING
        return {} if cause is None else {"suppressed_by": cause}

    def explain(
        self, session: Session, equipment: Equipment, *, of_communication: bool, now: int
    ) -> str | None:
        """Return the outage that explains an alarm of this equipment; None when there is none."""
        causes = [f"power:{key}" for key in _feeders(session, equipment)]
        gateway = session.get_one(Gateway, equipment.gateway_id)
        if of_communication and equipment.key != gateway.key:
            causes.insert(0, f"gateway:{gateway.key}")
            if equipment.port:
                causes.append(f"line:{gateway.key}/{equipment.port}")
        return next((cause for cause in causes if self.is_out(session, cause, now=now)), None)

    def is_out(self, session: Session, cause: str, *, now: int) -> bool:
        """Return whether the outage lasts, or is over for so short that it still explains."""
        kind, _, key = cause.partition(":")
        match kind:
            case "gateway":
                row = session.scalar(select(Gateway).where(Gateway.key == key))
                return row is not None and self._away([row], now=now)
            case "line":
                units = units_of_line(session, key)
                return len(units) >= _MANY and self._away(units, now=now)
            case "power":
                return self._without_power(session, key, now=now)
            case _:
                return False

    def _away(self, units: list[Any], *, now: int) -> bool:
        back = [unit.since_at for unit in units if unit.online]
        return not back or now - min(back) < self._recover_ms

    def _without_power(self, session: Session, key: str, *, now: int) -> bool:
        query = (
            select(Alarm.active, Alarm.inactive_since_at)
            .join(Equipment, Equipment.id == Alarm.equipment_id)
            .join(PowerLink, PowerLink.feeder_id == Equipment.id)
            .where(Equipment.key == key, Alarm.cause == PowerLink.cause, ~Alarm.monitored)
            .order_by(Alarm.id.desc())
            .limit(20)
        )
        return any(
            active or (until is not None and now - until < self._recover_ms)
            for active, until in session.execute(query)
        )

    def _may_settle(self, session: Session, equipment: Equipment, transition: Transition) -> bool:
        if transition.rule.of_communication:
            gateway = session.get_one(Gateway, equipment.gateway_id)
            return equipment.key != gateway.key
        # What is urgent never waits for an explanation.
        urgent = transition.rule.settings.severity is Severity.URGENT
        return not urgent and bool(_feeders(session, equipment))


def units_of_line(session: Session, line: str) -> list[Equipment]:
    """Return the equipment on a line ``site/gateway/port``."""
    gateway, _, port = _split_line(line)
    query = (
        select(Equipment)
        .join(Gateway, Gateway.id == Equipment.gateway_id)
        .where(Gateway.key == gateway, Equipment.port == port)
    )
    return list(session.scalars(query))


def _split_line(line: str) -> tuple[str, str, str]:
    # A port may have slashes in its name (/dev/ttyS1); the first two parts are the gateway.
    site, _, rest = line.partition("/")
    gateway, slash, port = rest.partition("/")
    return f"{site}/{gateway}", slash, port


def _feeders(session: Session, equipment: Equipment) -> list[str]:
    query = (
        select(Equipment.key)
        .join(PowerLink, PowerLink.feeder_id == Equipment.id)
        .where(PowerLink.equipment_id == equipment.id)
    )
    return list(session.scalars(query.order_by(Equipment.key)))
