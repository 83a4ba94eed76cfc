"""A DL/T 645 meter by another hand: the package dlt645, imported when one is made.

Its import takes as long as those of a third of all tests.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.fakes.meter_line import A

if TYPE_CHECKING:
    from dlt645 import MeterServerService


@asynccontextmanager
async def stranger_meter(path: str, *, baud: int) -> AsyncGenerator["MeterServerService"]:
    """Give a meter that answers on a line under the number A."""
    from dlt645 import MeterServerService  # noqa: PLC0415 (see above)

    meter = MeterServerService.new_rtu_server(path, 8, 1, baud, "N", 1.0)
    meter.set_address(bytes.fromhex(A)[::-1])
    assert await asyncio.to_thread(meter.start)
    try:
        yield meter
    finally:
        assert await asyncio.to_thread(meter.stop)
