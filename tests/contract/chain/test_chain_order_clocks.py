"""Clocks of orders: who hears that one will be late, once, and that it is."""

from sqlalchemy.orm import Session

from config.server import ServerSettings
from config.work_orders import TargetsOfLevel, WorkOrderSettings
from server.assets.model import Site
from server.core.timer_sweep import TimerSweep
from server.core.timers import timers_of
from server.jobs.order_clocks import OrderClockTimers
from server.messages.model import Message
from server.workorders.clock import DUE
from server.workorders.history import EventKind
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.opening import say_severity
from server.workorders.service import make_appointment
from tests.fakes.duty_house import MINUTE_S, load, staff
from tests.fakes.house import MINUTE, House

ORDERS = ("work-order.breach_forecast", "work-order.breached")


def pass_minutes(house: House, minutes: int) -> None:
    settings = ServerSettings(messages=house.outlets)
    handler = OrderClockTimers(house.records, settings, house.clock).on_timer
    sweep = TimerSweep(house.records, {DUE: handler}, house.clock)
    for _ in range(minutes):
        house.clock.advance(MINUTE_S)
        sweep.sweep()


def heard(house: House) -> list[tuple[str, str, float]]:
    """What whom was told of orders, and after how many minutes."""
    return [
        (row.kind.partition(".")[2], row.receiver, (row.created_at - house.start) / MINUTE)
        for row in house.all(Message)
        if row.kind in ORDERS
    ]


def test_the_leader_hears_before_it_is_late_and_the_manager_when_it_is(house: House) -> None:
    load(house, staff())
    house.see("fault", value=True, at=0)
    pass_minutes(house, 60)
    assert heard(house) == [
        ("breach_forecast", "Li", 23),
        ("breached", "Li", 31),
        ("breached", "Zhao", 31),
    ]
    assert [kind for kind in house.kinds() if kind in ORDERS] == list(ORDERS)
    payload = next(row for row in house.all(Message) if row.kind == ORDERS[1]).payload
    assert payload["incident"]["title_zh"].endswith("无人到场")


def test_who_arrives_in_time_troubles_nobody(house: House) -> None:
    load(house, staff())
    house.see("fault", value=True, at=0)
    house.walk("accepted")
    pass_minutes(house, 20)
    house.walk("on_site")
    pass_minutes(house, 60)
    assert heard(house) == []
    assert house.records.read(lambda session: timers_of(session, DUE)) == []


def test_waiting_stops_the_clock(house: House) -> None:
    load(house, staff())
    house.see("fault", value=True, at=0)
    house.walk("accepted")
    pass_minutes(house, 10)
    house.walk("waiting", reason="parts")
    pass_minutes(house, 100)
    assert heard(house) == []
    house.walk("accepted")
    pass_minutes(house, 20)
    assert heard(house) == [("breach_forecast", "Li", 123)]


def test_an_appointment_is_kept_or_somebody_hears(house: House) -> None:
    load(house, staff())
    house.see("temperature", 85.0, 0)
    at = house.clock.now_ms() + 120 * MINUTE
    house.do(
        lambda session: make_appointment(
            session, 1, at=at, note=None, by="li", now=house.clock.now_ms()
        )
    )
    pass_minutes(house, 130)
    assert [one[:2] for one in heard(house)] == [
        ("breach_forecast", "Li"),
        ("breached", "Li"),
        ("breached", "Zhao"),
    ]
    assert [one[2] for one in heard(house)] == [90, 121, 121]


def test_an_order_keeps_the_hours_of_service_of_its_estate(house: House) -> None:
    house.see("fault", value=True, at=0)
    (site,) = house.all(Site)
    night = [{"days": [], "start": "22:00", "end": "06:00"}]

    def kept_with(estate: str) -> list[str]:
        settings = WorkOrderSettings.model_validate(
            {"sla": {"urgent": {"service_hours": True}}, "estate_shifts": {estate: night}}
        )

        def say(session: Session) -> None:
            order, now = session.get_one(WorkOrder, 1), house.clock.now_ms()
            say_severity(session, order, EventKind.SEVERITY, by="li", settings=settings, now=now)

        house.do(say)
        kept = TargetsOfLevel.model_validate(house.all(WorkOrderEvent)[-1].targets)
        assert kept.hours is not None
        return [shift.start for shift in kept.hours.shifts]

    assert kept_with("elsewhere") == ["08:30"]
    assert kept_with(site.key) == ["22:00"]
