"""Two pseudo terminals that are one serial line: what goes into one comes out of the other."""

import asyncio
import os
import tty
from contextlib import suppress
from types import TracebackType
from typing import Self

_READ_BYTES = 4096


class JoinedLines:
    """A line between two programs that each open a device.

    Attributes:
        left: Path of one end.
        right: Path of the other.
    """

    def __init__(self) -> None:
        self.left = self.right = ""
        self._ends: list[int] = []

    async def __aenter__(self) -> Self:
        (a, left), (b, right) = os.openpty(), os.openpty()
        self._ends = [a, left, b, right]
        for slave in (left, right):
            tty.setraw(slave)
        self.left, self.right = os.ttyname(left), os.ttyname(right)
        loop = asyncio.get_running_loop()
        for one, other in ((a, b), (b, a)):
            os.set_blocking(one, False)
            loop.add_reader(one, self._pass_on, one, other)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._ends:
            asyncio.get_running_loop().remove_reader(end)
            os.close(end)

    def _pass_on(self, one: int, other: int) -> None:
        with suppress(BlockingIOError):
            os.write(other, os.read(one, _READ_BYTES))
