"""How systemd is notified, on a socket of the test's own."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.service_manager import ServiceManager
from tests.fakes.agent_clock import FakeClock


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        yield listener


def heard(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


def test_ready_reload_and_stop_are_logged(manager_socket: socket.socket) -> None:
    manager = ServiceManager.of({"NOTIFY_SOCKET": manager_socket.getsockname()})
    manager.ready("polling 3 devices on 1 ports")
    assert heard(manager_socket) == ["READY=1", "STATUS=polling 3 devices on 1 ports"]
    manager.ready("reload refused: a.yaml:1: one\na.yaml:2: two")
    assert heard(manager_socket)[1:] == ["STATUS=reload refused: a.yaml:1: one / a.yaml:2: two"]
    clock = FakeClock()
    manager.reloading(clock)
    # systemd (Type=notify-reload) wants the instant at which the reload began.
    assert heard(manager_socket) == ["RELOADING=1", "MONOTONIC_USEC=1000000000"]
    manager.stopping()
    assert heard(manager_socket) == ["STOPPING=1"]


async def test_signs_of_life_come_three_times_as_often_as_needed(
    manager_socket: socket.socket,
) -> None:
    environment = {"NOTIFY_SOCKET": manager_socket.getsockname(), "WATCHDOG_USEC": "30000000"}
    clock = FakeClock()
    task = asyncio.create_task(ServiceManager.of(environment).run(clock))
    for _ in range(4):
        while not clock._sleepers:
            await asyncio.sleep(0)
        assert heard(manager_socket) == ["WATCHDOG=1"]
        clock.advance(9.9)
        await asyncio.sleep(0)
        clock.advance(0.2)
        await asyncio.sleep(0)
    task.cancel()


def test_the_abstract_namespace_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0plantroom-test-notify")
        listener.settimeout(2)
        ServiceManager("@plantroom-test-notify").stopping()
        assert heard(listener) == ["STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens"])
def test_nobody_who_listens_is_no_trouble(address: str) -> None:
    ServiceManager(address).ready("fine")


@pytest.mark.parametrize("microseconds", ["", "soon", "-5"])
def test_a_watchdog_that_makes_no_sense_is_none(microseconds: str) -> None:
    manager = ServiceManager.of({"WATCHDOG_USEC": microseconds})
    assert manager._watchdog_s == 0
