"""Two agents that publish as one gateway, known by their journals.

A journal has an id of its own, and each message names the one it comes from. An agent changes its
journal once when the file was damaged; it never goes back. So journals that take turns are two.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.assets.model import Gateway
from server.core.shard import Shard

SHARED = (
    "two agents publish as this gateway; each needs its own site and gateway in its agent file, "
    "and a user of its own at the broker"
)
_REMEMBERED_S = 300.0
_log = structlog.get_logger()


@dataclass(slots=True)
class _Turns:
    """Which journals of a gateway spoke; monotonic seconds."""

    journal: str
    before: str = ""
    changed_s: float = 0.0
    shared_s: float | None = None
    """When one came back the last time; None: not lately."""


class Identities:
    """Follows the journals of all gateways; used by the ingest thread."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turns] = {}
        self._changed: dict[str, str] = {}

    def heard(self, journals: Iterable[tuple[str, str]], now_s: float) -> None:
        """Record the key of a gateway and the journal of each that spoke, in order."""
        for gateway, journal in journals:
            turns = self._turns.get(gateway)
            if turns is None:
                self._turns[gateway] = _Turns(journal)
            elif journal != turns.journal:
                self._took_a_turn(gateway, turns, journal, now_s)

    def take_changed(self, now_s: float) -> Mapping[str, str]:
        """Return what is wrong with gateways, by key, as far as that changed; empty: nothing."""
        for gateway, turns in self._turns.items():
            if turns.shared_s is not None and now_s - turns.shared_s > _REMEMBERED_S:
                turns.shared_s = None
                self._changed[gateway] = ""
                _log.info("gateway_identity_single", gateway=gateway)
        changed, self._changed = self._changed, {}
        return changed

    def _took_a_turn(self, gateway: str, turns: _Turns, journal: str, now_s: float) -> None:
        came_back = journal == turns.before and now_s - turns.changed_s <= _REMEMBERED_S
        journals = sorted((turns.journal, journal))
        turns.journal, turns.before, turns.changed_s = journal, turns.journal, now_s
        if not came_back:
            return
        if turns.shared_s is None:
            self._changed[gateway] = SHARED
            _log.error("identity_shared", gateway=gateway, journals=journals, probable_cause=SHARED)
        turns.shared_s = now_s


def store_problems(session: Session, problems: Mapping[str, str]) -> None:
    """Write what is wrong with gateways, by key."""
    for key, problem in problems.items():
        session.execute(update(Gateway).where(Gateway.key == key).values(problem=problem))


def forget_problems(session: Session, shard: Shard) -> None:
    """Begin anew with the gateways of a shard: what is still wrong shows itself within seconds."""
    told = session.scalars(select(Gateway.key).where(Gateway.problem != ""))
    store_problems(session, dict.fromkeys(filter(shard.owns_key, told.all()), ""))
