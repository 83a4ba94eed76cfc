"""Hosts on the loopback, as the agent polls them and as the integrator looks at them."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.base import Words
from config.gateway import ResolvedDevice
from config.ports import ReachabilityPort
from config.profiles import Limits
from config.protocol import Protocol
from config.reachability import ProbePoint
from edge_agent.__main__ import cli
from edge_agent.clock import SystemClock
from edge_agent.drivers.lines import Lines
from edge_agent.drivers.reachability import probes
from edge_agent.drivers.reachability.driver import Outcome, ReachabilityDriver
from edge_agent.drivers.reachability.planner import ProbePlanner, ProbeQuestion
from edge_agent.drivers.reachability.probes import Prober, why_no_ping
from edge_agent.errors import CannotAskError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

PORT = ReachabilityPort(kind="reachability", timeout_s=1.0, attempts=2)
QUICK = PORT.model_copy(update={"timeout_s": 0.05})
PING = ProbePlanner({"p": ProbePoint(probe="ping")}).alone("p")
NAME = Words(en="Camera", zh="摄像机")


def connection(port: int, **options: bool) -> ProbeQuestion:
    return ProbePlanner({"p": ProbePoint(probe="tcp", tcp_port=port, **options)}).alone("p")


class Near(socket.socket):
    """A socket whose far end answers each packet in the test's words."""

    def __init__(self, answer: Callable[[bytes], list[bytes]]) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        super().__init__(fileno=near.detach())
        for one in (self, self.far):
            one.setblocking(False)  # noqa: FBT003 (as sockets have it)
        self.answer = answer
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.far, self.heard)

    def connect(self, address: object) -> None:
        assert address == ("127.0.0.1", 0)

    def heard(self) -> None:
        for one in self.answer(self.far.recv(1024)):
            self.far.send(one)

    def close(self) -> None:
        self.loop.remove_reader(self.far)
        self.far.close()
        super().close()


def echoing(answer: Callable[[bytes], list[bytes]]) -> Callable[[int], socket.socket]:
    return lambda _: Near(answer)


async def test_a_ping_is_answered_by_a_reply_and_by_nothing_else() -> None:
    def reply(packet: bytes) -> list[bytes]:
        assert packet[0] == 8
        return [packet, b"\x03\x01" + bytes(6), b"\x00\x00" + packet[2:]]

    prober = Prober(PORT, SystemClock(), echoing(reply))
    assert (await prober.look("127.0.0.1", PING)).is_there


async def test_a_ping_without_an_answer_is_sent_again() -> None:
    sent: list[bytes] = []

    def second(packet: bytes) -> list[bytes]:
        sent.append(packet)
        return [b"\x00\x00" + packet[2:]] if len(sent) == 2 else []

    found = await Prober(QUICK, SystemClock(), echoing(second)).look("127.0.0.1", PING)
    assert found.is_there
    assert [packet[7] for packet in sent] == [0, 1]
    # Of the try that was answered.
    assert found.took_s < QUICK.timeout_s
    silent = await Prober(QUICK, SystemClock(), echoing(lambda _: [])).look("127.0.0.1", PING)
    assert not silent.is_there
    assert silent.took_s >= QUICK.longest_s


async def test_who_may_not_ping_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: int) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(CannotAskError, match=r"sysctl -w net\.ipv4\.ping_group_range"):
        await Prober(PORT, SystemClock(), denied).look("127.0.0.1", PING)
    monkeypatch.setattr(probes, "_ping_socket", denied)
    assert "ping_group_range" in why_no_ping()


async def test_the_kernel_lets_this_user_ping_the_loopback_or_says_why_not() -> None:
    prober = Prober(PORT, SystemClock())
    if why_no_ping():
        with pytest.raises(CannotAskError, match="ping_group_range"):
            await prober.look("127.0.0.1", PING)
    else:
        assert (await prober.look("127.0.0.1", PING)).is_there


async def test_a_connection_is_taken_refused_or_not_answered() -> None:
    prober = Prober(QUICK, SystemClock())
    server = socket.create_server(("127.0.0.1", 0))
    number = server.getsockname()[1]
    assert (await prober.look("127.0.0.1", connection(number))).is_there
    # Found by its name, whichever address that has here.
    assert (await prober.look("localhost", connection(number, refused_is_there=True))).is_there
    server.close()
    assert not (await prober.look("127.0.0.1", connection(number))).is_there
    assert (await prober.look("127.0.0.1", connection(number, refused_is_there=True))).is_there


@pytest.mark.parametrize(
    ("host", "why"),
    [("nowhere.invalid", "its name is not known"), ("255.255.255.255", "cannot be asked from")],
)
async def test_what_cannot_be_asked_from_here_is_no_host_that_is_away(host: str, why: str) -> None:
    with pytest.raises(CannotAskError, match=why):
        await Prober(QUICK, SystemClock()).look(host, connection(80))


async def test_an_address_is_kept_while_the_name_server_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prober = Prober(QUICK, SystemClock())
    asked = connection(9, refused_is_there=True)
    assert (await prober.look("localhost", asked)).is_there
    monkeypatch.setattr(probes, "_KEPT_S", 0.0)

    def gone(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    prober._addresses = {host: (address, 0.0) for host, (address, _) in prober._addresses.items()}
    assert (await prober.look("localhost", asked)).is_there
    with pytest.raises(CannotAskError, match="Temporary failure"):
        await prober.look("elsewhere.invalid", asked)


def camera(host: str, points: Mapping[str, ProbePoint], period_s: float = 30.0) -> ResolvedDevice:
    timed = {"period_s": period_s, "max_silence_s": 300.0, "name": NAME, "report_all": True}
    return ResolvedDevice(
        id=host,
        port="network",
        unit=host,
        profile="",
        equipment_class="cctv",
        name=NAME,
        limits=Limits(),
        points={key: one.model_copy(update=timed) for key, one in points.items()},
        protocol=Protocol.REACHABILITY,
    )


class Cameras:
    """Cameras on a port in the time of the loop."""

    def __init__(self, count: int) -> None:
        self.away: set[str] = set()
        self.unknown: set[str] = set()
        self.hosts = [f"10.0.0.{number}" for number in range(1, count + 1)]
        points = {
            "online": ProbePoint(probe="ping"),
            "round_trip": ProbePoint(probe="ping", gives="round_trip_ms", unit="ms"),
        }
        self.sink, self.health = ListSink(), Health()
        clock = LoopClock()
        self.port = PortOwner(
            "network",
            settings=PORT,
            devices={host: camera(host, points) for host in self.hosts},
            open_driver=lambda _: ReachabilityDriver(PORT, look=self.look, clock=clock),
            sink=self.sink,
            health=self.health,
            availability=MemoryAvailability(),
            clock=clock,
        )

    async def look(self, host: str, question: ProbeQuestion) -> Outcome:
        del question
        if host in self.unknown:
            raise CannotAskError(f"host {host}: its name is not known")
        took_s = PORT.longest_s if host in self.away else 0.001
        await asyncio.sleep(took_s)
        return Outcome(host not in self.away, took_s)

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.port.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_a_camera_that_is_away_is_a_good_reading_and_its_device_is_up() -> None:
    async def work() -> None:
        cameras = Cameras(3)
        gone = cameras.hosts[1]
        cameras.away = {gone}
        await cameras.run_for(100)
        seen = [(one.value, one.quality) for one in cameras.sink.of(gone, "online")]
        assert seen == [(False, Quality.GOOD)] * 4
        reasons = {(one.quality, one.reason) for one in cameras.sink.of(gone, "round_trip")}
        assert reasons == {(Quality.BAD, "not_available")}
        assert [one.value for one in cameras.sink.of(cameras.hosts[0], "online")] == [True] * 4
        assert {kind for kind, *_ in cameras.sink.events} == {"up"}

    run_virtually(work())


@pytest.mark.long
def test_two_hundred_cameras_that_fall_silent_are_seen_within_their_period() -> None:
    async def work() -> None:
        cameras = Cameras(200)
        task = asyncio.create_task(cameras.run_for(200))
        await asyncio.sleep(65)
        cameras.away = set(cameras.hosts)
        await task
        for host in cameras.hosts:
            online = cameras.sink.of(host, "online")
            times = [one.taken_at for one in online]
            assert max(b - a for a, b in pairwise(times)) <= 40_000
            assert [one.value for one in online[:3]] == [True] * 3
            assert [one.value for one in online[4:]] == [False] * len(online[4:])
            assert len(online) >= 6

    run_virtually(work())


def test_what_cannot_be_asked_is_bad_with_its_reason_and_comes_back() -> None:
    async def work() -> None:
        cameras = Cameras(2)
        gone = cameras.hosts[0]
        task = asyncio.create_task(cameras.run_for(600))
        await asyncio.sleep(50)
        cameras.unknown = {gone}
        await asyncio.sleep(200)
        cameras.unknown = set()
        await task
        bad = [one for one in cameras.sink.of(gone, "online") if one.quality is not Quality.GOOD]
        assert {one.reason for one in bad} == {"cannot_ask"}
        assert ("down", gone, "cannot_ask") in cameras.sink.events
        assert cameras.sink.events.count(("up", gone, "")) == 2
        assert cameras.sink.of(gone, "online")[-1].value is True
        other = cameras.sink.of(cameras.hosts[1], "online")
        assert {one.value for one in other} == {True}

    run_virtually(work())


def test_a_port_of_the_agent_file_is_opened() -> None:
    assert isinstance(Lines().open(PORT, SystemClock()), ReachabilityDriver)


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli, list(arguments))


AGENT = """
site: s
gateway: g
ports:
  network: {kind: reachability, timeout_s: 0.2}
devices:
  camera: {port: network, host: 127.0.0.1, profile: network-camera, name: {en: C, zh: 摄}}
  door:
    port: network
    host: localhost
    class: access_control
    name: {en: D, zh: 门}
    points: {online: {probe: tcp, tcp_port: 80}}
"""


async def test_the_tools_know_hosts(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT, "utf-8")
    checked = await run("check", str(path))
    assert checked.exit_code == 0, checked.output
    assert "reachability of hosts, 2 x 0.2 s without an answer" in checked.output
    assert "camera: host 127.0.0.1, network-camera, cctv, 2 points" in checked.output
    planned = await run("plan", str(path), "--requests")
    assert planned.exit_code == 0, planned.output
    assert "127.0.0.1" in planned.output
    server = socket.create_server(("127.0.0.1", 0))
    number = str(server.getsockname()[1])
    asked = ("--host", "127.0.0.1", "--tcp-port", number)
    read = await run("read", f"{path}#network", *asked)
    assert read.exit_code == 0, read.output
    assert f"tcp {number}  yes" in read.output
    server.close()
    read = await run("read", "reachability", *asked, "--timeout", "0.2")
    assert f"tcp {number}  no" in read.output
    profile = ("--profile", "network-camera")
    read = await run("read", "reachability", "--host", "127.0.0.1", *profile)
    assert "tcp 554" in read.output
    read = await run("read", "reachability")
    assert "--host: which host?" in read.output
    scanned = await run("scan", "reachability")
    assert "hosts are not searched for" in scanned.output


async def test_check_says_when_its_user_may_not_ping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.yaml"

    def denied(_: int) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(probes, "_ping_socket", denied)
    path.write_text(AGENT, "utf-8")
    assert "ping_group_range" not in (await run("check", str(path))).output
    path.write_text(AGENT.replace("probe: tcp, tcp_port: 80", "probe: ping"), "utf-8")
    checked = await run("check", str(path))
    assert checked.exit_code == 0, checked.output
    assert "note: port network pings" in checked.output
    assert "ping_group_range" in checked.output
