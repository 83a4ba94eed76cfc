"""The relay of a meter is commanded as a point is written, with what its password file says."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.identifiers import IdentifierPoint
from config.meter_ports import Dlt645Port
from edge_agent.errors import CommandError
from protocols.dlt645.commands import RelayCommand
from simulators.dlt645.meter import SimulatedMeter
from simulators.line import Reply
from tests.contract.test_meters_polled import Line, of_meter, polling
from tests.fakes.meter_line import A, B, meter
from tests.fakes.virtual_loop import run_virtually


def relay_point(**changed: Any) -> dict[str, IdentifierPoint]:
    given = {"identifier": "04000503", "bit": 4, "inverted": True, "writable": {}} | changed
    return {"relay": IdentifierPoint.model_validate(given)}


@asynccontextmanager
async def commanded(
    folder: Path, one: SimulatedMeter, *, text: str = f"{A} 2 123456 00000001", **options: Any
) -> AsyncGenerator[Line]:
    file = folder / "meters"
    file.write_text(text)
    file.chmod(0o600)
    port = Dlt645Port(kind="dlt645", device="/dev/none", password_file=file, **options)
    async with polling(Line({A: one}, [of_meter(A, relay_point())], port=port)) as line:
        await asyncio.sleep(12)
        yield line


def test_a_relay_is_tripped_and_closed_as_a_point_is_written(tmp_path: Path) -> None:
    async def work() -> None:
        one = meter(A)
        async with commanded(tmp_path, one) as line:
            for value in (False, True):
                written = await line.port.write(f"m{A}", "relay", value)
                assert written.confirmed
                assert written.after is not None
                assert written.after.value is value
        assert one.commands == [RelayCommand.TRIP, RelayCommand.CLOSE]

    run_virtually(work())


def test_a_meter_may_be_allowed_to_close(tmp_path: Path) -> None:
    async def work() -> None:
        one = meter(A)
        async with commanded(tmp_path, one, relay_close="allow_close") as line:
            await line.port.write(f"m{A}", "relay", value=True)
        assert one.commands == [RelayCommand.ALLOW_CLOSE]

    run_virtually(work())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{B} 2 123456 00000001", "no line for it"),
        (f"{A} 2 999999 00000001", "not_authorised"),
        (f"{A} 2 12345 00000001", "PASSWORD is wrong"),
    ],
)
def test_a_command_that_no_meter_takes(tmp_path: Path, text: str, message: str) -> None:
    async def work() -> None:
        one = meter(A)
        async with commanded(tmp_path, one, text=text) as line:
            with pytest.raises(CommandError, match=message) as refused:
                await line.port.write(f"m{A}", "relay", value=False)
            assert "12345" not in str(refused.value)
            assert "99999" not in str(refused.value)
        assert one.commands == []

    run_virtually(work())


def test_a_kept_meter_reads_back_as_it_is(tmp_path: Path) -> None:
    class Unmoved(SimulatedMeter):
        """Says yes and does nothing."""

        def respond(self, pdu: bytes, now_s: float) -> Reply:
            return Reply(b"\x9c") if pdu[0] == 0x1C else super().respond(pdu, now_s)

    async def work() -> None:
        one = meter(A)
        one.__class__ = Unmoved
        async with commanded(tmp_path, one) as line:
            written = await line.port.write(f"m{A}", "relay", value=False)
            assert not written.confirmed
            assert "another value" in written.reason

    run_virtually(work())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"identifier": "04000501"}, "only the relay is commanded"),
        ({"bit": 3}, "only the relay is commanded"),
        ({"writable": {"function": 6}}, "are of registers"),
        ({"writable": {"address": 1}}, "are of registers"),
    ],
)
def test_what_cannot_be_commanded(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        relay_point(**changed)
