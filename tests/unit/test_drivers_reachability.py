"""Who is looked at while a host does not answer, in the time of the loop."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine

import pytest

from config.ports import ReachabilityPort
from config.reachability import ProbePoint
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.drivers.reachability.driver import Outcome, ReachabilityDriver
from edge_agent.drivers.reachability.planner import ProbePlanner, ProbeQuestion
from edge_agent.errors import CannotAskError, CommandError
from tests.fakes.virtual_loop import LoopClock, run_virtually

PORT = ReachabilityPort(kind="reachability", timeout_s=1.0, attempts=2)
PING = ProbePlanner({"online": ProbePoint(probe="ping")}).alone("online")
HOSTS = [f"10.0.0.{number}" for number in range(1, 51)]


class Network:
    """Hosts, some of which are not there; each look is counted."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.unknown: set[str] = set()
        self.looked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.driver = ReachabilityDriver(PORT, look=self.look, clock=LoopClock())

    async def look(self, host: str, question: ProbeQuestion) -> Outcome:
        assert question == PING
        self.looked[host] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if host in self.unknown:
                raise CannotAskError(f"host {host}: its name is not known")
            away = host in self.away
            took_s = PORT.longest_s if away else 0.001
            await asyncio.sleep(took_s)
            return Outcome(not away, took_s)
        finally:
            self.at_once -= 1

    async def round(self) -> tuple[list[bool], float]:
        """Ask one host after the other, as a port does; how long that took, seconds."""
        began = asyncio.get_running_loop().time()
        there = [
            bool((await self.driver.ask(host, PING, timeout_s=0.1)).values[0]) for host in HOSTS
        ]
        return there, asyncio.get_running_loop().time() - began


def on_network(
    work: Callable[[Network], Coroutine[None, None, None]],
) -> Callable[[], None]:
    async def inside() -> None:
        network = Network()
        async with network.driver:
            await work(network)
        assert network.at_once == 0

    return lambda: run_virtually(inside())


def test_one_host_away_costs_its_own_wait_and_asks_nobody_twice() -> None:
    async def work(network: Network) -> None:
        await network.round()
        network.away = {HOSTS[7]}
        _, first_s = await network.round()
        assert first_s < PORT.longest_s + 0.2
        network.looked.clear()
        there, took_s = await network.round()
        assert there.count(False) == 1
        assert took_s < PORT.longest_s + 0.2
        assert set(network.looked.values()) == {1}

    on_network(work)()


def test_a_switch_without_power_shows_at_once() -> None:
    async def work(network: Network) -> None:
        await network.round()
        network.away = set(HOSTS)
        there, took_s = await network.round()
        assert not any(there)
        assert took_s < PORT.longest_s + 0.2
        there, took_s = await network.round()
        assert not any(there)
        assert took_s < PORT.longest_s + 0.2
        network.away = set()
        there, _ = await network.round()
        assert all(there)

    on_network(work)()


def test_an_outcome_answers_once_and_not_when_it_is_old() -> None:
    async def work(network: Network) -> None:
        await network.round()
        network.away = set(HOSTS)
        first = await network.driver.ask(HOSTS[0], PING, timeout_s=1.0)
        assert first.values[0] == 0
        network.away = set()
        # What was found meanwhile is given out with its own time.
        found = await network.driver.ask(HOSTS[1], PING, timeout_s=1.0)
        assert (found.values[0], found.at_ms) == (0, first.at_ms + 50)
        again = await network.driver.ask(HOSTS[1], PING, timeout_s=1.0)
        assert again.values[0] == 1
        await asyncio.sleep(3 * PORT.longest_s)
        late = await network.driver.ask(HOSTS[2], PING, timeout_s=1.0)
        assert late.values[0] == 1

    on_network(work)()


def test_no_more_sockets_are_open_than_promised() -> None:
    async def work(network: Network) -> None:
        driver = network.driver
        hosts = [f"10.0.{number // 250}.{number % 250}" for number in range(300)]
        for host in hosts:
            await driver.ask(host, PING, timeout_s=1.0)
        network.away = set(hosts)
        began = asyncio.get_running_loop().time()
        for host in hosts:
            reply = await driver.ask(host, PING, timeout_s=1.0)
            assert reply.values[0] == 0
        assert network.most_at_once == 64
        assert asyncio.get_running_loop().time() - began < 6 * PORT.longest_s

    on_network(work)()


def test_what_cannot_be_asked_is_an_error_of_that_host_alone() -> None:
    async def work(network: Network) -> None:
        network.unknown = {HOSTS[3]}
        for host in HOSTS[:6]:
            if host in network.unknown:
                with pytest.raises(CannotAskError, match="not known"):
                    await network.driver.ask(host, PING, timeout_s=1.0)
            else:
                await network.driver.ask(host, PING, timeout_s=1.0)
        # Looked at beside another, its error is nobody's.
        network.away = {HOSTS[0]}
        await network.driver.ask(HOSTS[0], PING, timeout_s=1.0)
        network.unknown = set()
        reply = await network.driver.ask(HOSTS[3], PING, timeout_s=1.0)
        assert reply.values[0] == 1

    on_network(work)()


def test_a_question_that_is_given_up_leaves_its_probe_to_the_next() -> None:
    async def work(network: Network) -> None:
        network.away = {HOSTS[0]}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await network.driver.ask(HOSTS[0], PING, timeout_s=1.0)
        began = asyncio.get_running_loop().time()
        reply = await network.driver.ask(HOSTS[0], PING, timeout_s=1.0)
        assert reply.values[0] == 0
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.5)
        assert network.looked[HOSTS[0]] == 1

    on_network(work)()


def test_a_port_that_closes_leaves_no_probe_behind() -> None:
    async def work() -> None:
        network = Network()
        network.away = set(HOSTS)
        async with network.driver:
            asked = asyncio.create_task(network.driver.ask(HOSTS[0], PING, timeout_s=1.0))
            await asyncio.sleep(0.5)
            asked.cancel()
        assert network.at_once == 0
        async with network.driver:
            network.away = set()
            reply = await network.driver.ask(HOSTS[0], PING, timeout_s=1.0)
            assert reply.values[0] == 1

    run_virtually(work())


def test_nothing_is_written_to_a_host() -> None:
    async def work(network: Network) -> None:
        with pytest.raises(CommandError, match="cannot be written"):
            await network.driver.tell(HOSTS[0], "online", (1,), timeout_s=1.0)
        with pytest.raises(CommandError, match="no point of a host"):
            ProbePlanner({"online": ProbePoint(probe="ping")}).encoded("online", value=True)

    on_network(work)()


def test_points_of_one_probe_are_one_question() -> None:
    points = {
        "online": ProbePoint(probe="tcp", tcp_port=554, period_s=30),
        "round_trip": ProbePoint(probe="tcp", tcp_port=554, gives="round_trip_ms", period_s=30),
        "host": ProbePoint(probe="ping", period_s=30),
    }
    planner = ProbePlanner(points)
    asked = planner.plan(30.0, ALL_AVAILABLE)
    assert [one.points for one in asked] == [("online", "round_trip"), ("host",)]
    read = planner.reader(asked[0])
    assert [(one.value, one.reason) for one in read((1, 1234), 0)] == [(True, ""), (1.234, "")]
    away = [(one.value, one.reason) for one in read((0, 2_000_000), 0)]
    assert away == [(False, ""), (None, "not_available")]
