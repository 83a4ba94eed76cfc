"""Residents are forgotten when their time has come: everywhere, and nobody else is."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.access.tries import take_try
from server.assets.model import Room, Site
from server.core.db import Base
from server.core.records import Records
from server.messages.model import Bucket, Message
from server.requests.bounds import budgets_of_request
from server.requests.erasure import Erasure
from server.requests.faults import FAULTS
from server.requests.model import RepairRequest
from server.requests.service import Wish, take_request
from server.workorders.model import WorkOrder
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.fakes.sms_channel import SMS

DAY_S = 86_400
PHONE, NAME, SAID = "13912345678", "欧阳明月", "the tap of the kitchen"
PLACES = ("repair_requests", "messages", "message_buckets", "tries")
"""Tables that have a resident's number."""
SETTINGS = ServerSettings.model_validate(
    {"messages": {"channels": {"sms": SMS}}, "repair_requests": {"channel": "sms"}}
)


def ask(records: Records, clock: FakeClock, *, room: str, phone: str = PHONE) -> None:
    def write(session: Session) -> None:
        site = session.scalar(select(Site)) or Site(key="garden")
        session.add(site)
        session.flush()
        place = Room(site_id=site.id, key=room, building="", floor="", name="")
        session.add(place)
        session.flush()
        wish = Wish(room=place, fault=FAULTS["tap"], name=NAME, phone=phone, text=SAID)
        take_request(session, wish, settings=SETTINGS, channels=None, now=clock.now_ms())
        bucket = f"sms/SMS_1/{phone}/day"
        session.add(Bucket(key=bucket, taken=[], blocked_until_at=0))
        take_try(session, budgets_of_request(place=1, room=place.id, phone=phone), clock.now_ms())

    records.write(write)


def close(records: Records, clock: FakeClock) -> None:
    def write(session: Session) -> None:
        order = session.get_one(WorkOrder, 1)
        order.state, order.closed_at = "closed", clock.now_ms()

    records.write(write)


def having(records: Records, text: str) -> set[str]:
    def read(session: Session) -> set[str]:
        return {
            table.name
            for table in Base.metadata.sorted_tables
            if any(text in str(tuple(row)) for row in session.execute(select(table)))
        }

    return records.read(read)


@pytest.mark.long
def test_who_is_forgotten_is_forgotten_everywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    with open_records(tmp_path) as records:
        ask(records, clock, room="501")
        ask(records, clock, room="502", phone="13800138000")
        erasure = Erasure(records, SETTINGS.repair_requests, clock)
        assert having(records, PHONE) == {*PLACES}
        close(records, clock)
        clock.advance(90 * DAY_S - 1)
        assert erasure.sweep() == 0
        clock.advance(1)
        assert erasure.sweep() == 1
        assert erasure.sweep() == 0
        assert having(records, PHONE) == set()
        assert having(records, "13800138000") == {*PLACES}
        row = records.read(lambda session: session.get_one(RepairRequest, 1))
        assert (row.name, row.phone, row.text, row.status_code) == ("", "", "", None)
        assert row.erased_at == clock.now_ms()
        sent = records.read(
            lambda session: session.scalars(select(Message).order_by(Message.id)).first()
        )
        assert sent is not None
        assert (sent.state, sent.address, sent.payload) == ("cancelled", "", {})
    assert PHONE not in caplog.text


def test_an_order_that_is_never_closed_does_not_keep_them_for_ever(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_records(tmp_path) as records:
        ask(records, clock, room="501")
        erasure = Erasure(records, SETTINGS.repair_requests, clock)
        clock.advance(365 * DAY_S - 1)
        assert erasure.sweep() == 0
        clock.advance(1)
        assert erasure.sweep() == 1
        assert having(records, NAME) == set()
