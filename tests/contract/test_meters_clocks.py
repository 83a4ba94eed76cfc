"""The clocks of meters are set once a day, in the time of the loop."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

import pytest
from structlog.testing import capture_logs

from config.identifiers import IdentifierPoint
from config.ports import Dlt645Port, MeterSettings, ModbusRtuPort
from edge_agent import planners
from edge_agent.drivers.dlt645.clocks import ClockBroadcast
from edge_agent.drivers.dlt645.driver import MeterDriver
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from simulators.line import SILENT, Reply, Responder
from tests.contract.test_meters_polled import of_meter
from tests.fakes.meter_line import A, B, link_to, meter, meter_client
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

DAY_S, PERIOD_S = 86400.0, 1200.0
ENERGY = {"e": IdentifierPoint(identifier="00010000")}
BROADCAST_TIME = 0x08


def shown(now_ms: int) -> datetime:
    """The time of the meters, eight hours before UTC."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).replace(tzinfo=None) + timedelta(hours=8)


class Told:
    """A meter that remembers which times it was told, and when."""

    def __init__(self, inner: Responder) -> None:
        self.inner = inner
        self.times: list[tuple[datetime, datetime]] = []

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        if pdu[0] != BROADCAST_TIME:
            return self.inner.respond(pdu, now_s)
        at = datetime.strptime(pdu[1:][::-1].hex(), "%y%m%d%H%M%S")  # noqa: DTZ007 (a meter's)
        self.times.append((at, shown(LoopClock().now_ms())))
        return SILENT


class Line:
    def __init__(self, port: Dlt645Port) -> None:
        self.units = {one: Told(meter(one)) for one in (A, B)}
        self.link = link_to(self.units)
        self.sink = ListSink()
        self.port = PortOwner(
            "line",
            settings=port,
            devices={f"m{one}": of_meter(one, ENERGY, PERIOD_S) for one in self.units},
            open_driver=lambda late: MeterDriver(meter_client(self.link, on_late_response=late)),
            sink=self.sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=LoopClock(),
        )

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.port.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the gateway's clock is right."""
    state = [True]
    made = planners.announcements_of

    def built(port: Dlt645Port) -> ClockBroadcast | None:
        if made(port) is None:
            return None
        assert port.clock_at is not None
        return ClockBroadcast(port, time.fromisoformat(port.clock_at), is_right=lambda: state[0])

    monkeypatch.setattr("edge_agent.polling.port.announcements_of", built)
    return state


def port_at(clock_at: str | None, **options: object) -> Dlt645Port:
    given = {"kind": "dlt645", "device": "/dev/none", "clock_at": clock_at}
    return Dlt645Port.model_validate(given | options)


@pytest.mark.usefixtures("right")
def test_all_meters_of_a_line_are_told_the_time_once_a_day() -> None:
    async def work() -> None:
        line = Line(port_at("03:20"))
        with capture_logs() as logs:
            await line.run_for(3 * DAY_S)
        for told in line.units.values():
            assert len(told.times) == 3
            assert {at.time().replace(second=0) for at, _ in told.times} == {time(3, 20)}
            # What it is told is true when it has arrived, but for the bytes on their way.
            assert all(abs((at - then).total_seconds()) <= 1.5 for at, then in told.times)
        assert [one["event"] for one in logs if "clocks" in one["event"]] == ["clocks_set"] * 3
        # Between two reads, and none is left out for it.
        assert len(line.sink.times_s(f"m{A}", "e")) == 3 * DAY_S / PERIOD_S

    run_virtually(work())


@pytest.mark.usefixtures("right")
def test_nobody_is_told_anything_where_the_port_does_not_say_so() -> None:
    async def work() -> None:
        line = Line(port_at(None))
        await line.run_for(2 * DAY_S)
        assert [told.times for told in line.units.values()] == [[], []]

    run_virtually(work())


def test_a_gateway_with_a_wrong_clock_sets_none_and_says_so_once(right: list[bool]) -> None:
    async def work() -> None:
        right[0] = False
        line = Line(port_at("03:20"))
        with capture_logs() as logs:
            task = asyncio.create_task(line.run_for(2 * DAY_S))
            await asyncio.sleep(DAY_S + 3600 * 4)
            assert [told.times for told in line.units.values()] == [[], []]
            right[0] = True
            await task
        held = [one for one in logs if one["event"] == "announcement_held_back"]
        reasons = [one["reason"] for one in held]
        assert reasons.count("the clock of this gateway is not synchronised") <= 2
        assert all(len(told.times) in {1, 2} for told in line.units.values())

    run_virtually(work())


@pytest.mark.usefixtures("right")
def test_a_line_that_is_away_is_told_when_it_is_back() -> None:
    async def work() -> None:
        line = Line(port_at("03:20"))
        task = asyncio.create_task(line.run_for(DAY_S))
        until = ClockBroadcast(port_at("03:20"), time(3, 20)).first_at(LoopClock().now_ms())
        await asyncio.sleep((until - LoopClock().now_ms()) / 1000 - 1)
        line.link.lost = "unplugged"
        line.link.on_change()
        await asyncio.sleep(600)
        assert line.units[A].times == []
        line.link.lost = ""
        await task
        assert len(line.units[A].times) == 1

    run_virtually(work())


@pytest.mark.parametrize(
    ("now", "first"),
    [("2026-11-29 03:19:59", "2026-11-29"), ("2026-11-29 03:20:00", "2026-11-30")],
)
def test_the_next_time_is_today_or_tomorrow(now: str, first: str) -> None:
    clocks = ClockBroadcast(port_at("03:20"), time(3, 20))
    local = datetime.fromisoformat(now) - timedelta(hours=8)
    now_ms = round(local.replace(tzinfo=UTC).timestamp() * 1000)
    assert shown(clocks.first_at(now_ms)) == datetime.fromisoformat(f"{first} 03:20:00")


@pytest.mark.parametrize("at", ["00:00:30", "00:09:59", "23:50:01", "23:59:59"])
def test_no_time_is_told_around_midnight(at: str) -> None:
    clocks = ClockBroadcast(port_at("03:20"), time(3, 20), is_right=lambda: True)
    local = datetime.fromisoformat(f"2026-11-29 {at}") - timedelta(hours=8)
    why, again_ms = clocks.held_back(round(local.replace(tzinfo=UTC).timestamp() * 1000))
    assert "midnight" in why
    assert shown(again_ms).time() == time(3, 20)


def test_the_year_may_come_first() -> None:
    port = port_at("03:20", clock_seconds_first=False)
    clocks = ClockBroadcast(port, time(3, 20))
    at_ms = round(datetime(2026, 11, 28, 19, 20, 5, tzinfo=UTC).timestamp() * 1000)
    assert clocks.announcement(at_ms).target.request.frame().data.hex() == "261129032005"


def test_a_shared_pair_has_the_setting_with_its_meters() -> None:
    pair = ModbusRtuPort(
        kind="modbus_rtu", device="/dev/none", meters=MeterSettings(clock_at="03:20")
    )
    assert planners.announcements_of(pair) is not None
    assert planners.announcements_of(pair.model_copy(update={"meters": None})) is None
