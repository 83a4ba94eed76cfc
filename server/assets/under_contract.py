"""What a contractor looks after by the ledger: in its warranty as builder, or under contract."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from config.people import SHANGHAI
from server.access.principal import Principal
from server.access.roles import Role
from server.assets.model import Equipment, Particulars

_ZONE: Final = ZoneInfo(SHANGHAI)


def with_contracts(session: Session, principal: Principal, *, at: int) -> Principal:
    """Return a contractor with what it looks after then in its scope; others as they are."""
    if principal.role is not Role.CONTRACTOR or principal.person is None:
        return principal
    keys = under_contract(session, principal.person, at=at)
    scope = principal.scope
    return replace(principal, scope=scope._replace(equipment=(scope.equipment or keys) | keys))


def under_contract(session: Session, contractor: str, *, at: int) -> frozenset[str]:
    """Return the keys of the equipment that a contractor looks after on the day of ``at``."""
    day = datetime.fromtimestamp(at / 1000, UTC).astimezone(_ZONE).date().isoformat()
    begins, ends = Particulars.contract_from, Particulars.contract_until
    contracted = and_(
        Particulars.contractor == contractor,
        or_(begins.is_(None), begins <= day),
        or_(ends.is_(None), ends >= day),
    )
    warranted = and_(Particulars.builder == contractor, Particulars.warranty_until >= day)
    query = select(Equipment.key).join(Particulars, Particulars.equipment_id == Equipment.id)
    return frozenset(session.scalars(query.where(or_(contracted, warranted))))
