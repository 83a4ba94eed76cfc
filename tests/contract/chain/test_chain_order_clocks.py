"""Clocks of orders: who hears that one will be late, once, and that it is."""

from config.server import ServerSettings
from server.core.timer_sweep import TimerSweep
from server.core.timers import timers_of
from server.jobs.order_clocks import OrderClockTimers
from server.messages.model import Message
from server.workorders.clock import DUE
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
