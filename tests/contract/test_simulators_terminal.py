"""The pseudo terminal of simulated equipment."""

import os
import termios
from pathlib import Path

import pytest

from simulators.osdp_reader import OsdpLine
from simulators.terminal import Terminal


async def test_what_nobody_takes_from_a_full_line_is_lost(tmp_path: Path) -> None:
    async with Terminal(tmp_path / "line", lambda _: None) as terminal:
        for _ in range(100):
            terminal.write(bytes(4096))
    terminal.write(b"after the end")


async def test_a_reader_says_more_than_its_line_holds(tmp_path: Path) -> None:
    async with OsdpLine(tmp_path / "line", {1: None}) as line:
        for _ in range(100):
            line.send(bytes(4096))


async def test_the_rate_is_that_of_the_other_end(tmp_path: Path) -> None:
    async with Terminal(tmp_path / "line", lambda _: None) as terminal:
        far = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
        told = termios.tcgetattr(far)
        told[4] = told[5] = termios.B2400
        termios.tcsetattr(far, termios.TCSANOW, told)
        os.close(far)
        assert terminal.baud == 2400
    assert terminal.baud is None


async def test_a_file_at_the_place_of_the_link_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        async with Terminal(path, lambda _: None):
            pass
    assert path.read_text() == "mine"


async def test_a_link_that_another_has_taken_stays(tmp_path: Path) -> None:
    path = tmp_path / "line"
    async with Terminal(path, lambda _: None):
        async with Terminal(path, lambda _: None):
            theirs = path.readlink()
            path.unlink()
            path.symlink_to("/dev/null")
        assert path.readlink() != theirs
