"""The share of equipment in good order of past months, with the ledger as it was then."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from server.assets.events import record_equipment
from server.assets.ledger import record_born
from server.assets.model import Equipment
from server.assets.past import Change, there_at, was_there
from server.assets.presence import (
    begin_retirement,
    end_retirement,
    mark_present,
    mark_removed,
)
from tests.contract.api.conftest import NOW, Api
from tests.fakes.assets import add_equipment

DAY = 86_400_000
MONTHS = {f"2026-{month:02}": month for month in range(8, 12)}


def end_of(month: int) -> int:
    return round(datetime(2026, month + 1, 1, tzinfo=UTC).timestamp() * 1000) - 8 * 3_600_000 - 1


class Ledger:
    """Equipment that comes and goes; what is there is noted by hand as well."""

    def __init__(self, session: Session, random: Random) -> None:
        self.session, self.random = session, random
        self.noted: list[tuple[int, int, bool]] = []
        self.gone: dict[int, str] = {}

    def born(self, at: int) -> None:
        number = len(self.noted)
        row = add_equipment(self.session, f"s{number}/gw/d", at=at)
        row.online = False
        record_born(self.session, row, omitted=0, at=at)
        self.noted.append((at, row.id, True))

    def change(self, at: int) -> None:
        """Something becomes of one piece of equipment, as the rooms do it."""
        random, session = self.random, self.session
        row = session.get_one(Equipment, random.choice([one for _, one, _ in self.noted]))
        how = self.gone.get(row.id)
        omitted = {row.id: 0}
        if how is None and random.random() < 0.5:
            mark_removed(session, [row.id], omitted_before=omitted, at=at)
            self.gone[row.id] = "removed"
        elif how is None:
            begin_retirement(session, row, reason="x", by="li", now=at)
            self.gone[row.id] = "retired"
        elif how == "retired" and random.random() < 0.5:
            end_retirement(session, row, by="li", now=at)
            del self.gone[row.id]
        else:
            mark_present(session, [row.id], omitted_before=omitted, at=at)
            del self.gone[row.id]
        session.flush()
        self.noted.append((at, row.id, row.id not in self.gone))

    def there(self, at: int) -> set[int]:
        """Count a second time, from what was noted."""
        last = {one: there for when, one, there in self.noted if when <= at}
        return {one for one, there in last.items() if there}


@pytest.mark.seeds(2, 20)
def test_what_was_there_is_what_was_noted_then(api: Api, seed: int) -> None:
    def live(session: Session) -> tuple[Ledger, int]:
        ledger = Ledger(session, Random(seed))  # noqa: S311 (no secret)
        at = NOW - 100 * DAY
        for _ in range(60):
            at += ledger.random.randrange(1, 2 * DAY)
            if not ledger.noted or ledger.random.random() < 0.3:
                ledger.born(at)
            else:
                ledger.change(at)
        return ledger, at

    ledger, last = api.records.write(live)
    for _ in range(20):
        at = ledger.random.randrange(NOW - 100 * DAY, last + DAY)
        found = api.records.read(lambda session, at=at: there_at(session, true(), at))
        assert found == ledger.there(at)


def test_the_figure_of_a_month_has_the_equipment_of_that_month(api: Api) -> None:
    def live(session: Session) -> None:
        ledger = Ledger(session, Random(1))  # noqa: S311 (no secret)
        for month in MONTHS.values():
            ledger.born(end_of(month) - 5 * DAY)
        first, second = (one for _, one, _ in ledger.noted[:2])
        # Away at the end of September and back since; retired in October for good.
        away = {first: 0}
        mark_removed(session, [first], omitted_before=away, at=end_of(9) - DAY)
        mark_present(session, [first], omitted_before=away, at=end_of(9) + DAY)
        row = session.get_one(Equipment, second)
        begin_retirement(session, row, reason="x", by="li", now=end_of(10) - DAY)

    api.records.write(live)
    api.clock.ms = end_of(11) + DAY
    found: dict[str, Any] = {}
    for month in MONTHS:
        report = api.get("/reports/repairs", month=month).json()
        found[month] = {one["figure"]: one["met"] for one in report["figures"]}["in_order"]
    assert found == {"2026-08": 1, "2026-09": 1, "2026-10": 2, "2026-11": 3}


def test_equipment_of_before_its_births_were_noted_counts_as_its_row_says(api: Api) -> None:
    def live(session: Session) -> None:
        old = add_equipment(session, "old/gw/d", at=NOW)
        gone = add_equipment(session, "gone/gw/d", at=NOW)
        gone.removed_at = NOW - 10 * DAY
        record_equipment(session, old, kind="online", at=NOW)
        session.flush()
        assert there_at(session, true(), NOW) == {old.id}
        assert there_at(session, true(), NOW - 11 * DAY) == {old.id, gone.id}
        assert session.scalars(select(Equipment.id)).all()

    api.records.write(live)


def test_a_person_brings_back_what_was_retired_not_what_was_removed() -> None:
    removed, retired = Change("equipment.removed", False), Change("equipment.retired", True)  # noqa: FBT003
    by_person, by_birth = (Change("equipment.restored", one) for one in (True, False))
    assert not was_there([removed, retired, by_person], gone_now=False)
    assert was_there([removed, retired, by_birth], gone_now=False)
    assert was_there([retired, by_person], gone_now=False)
