"""What hangs costs one thread and nobody's time."""

import asyncio
import threading

from server.core.pulse import Pulse


async def test_what_hangs_does_not_answer_and_is_asked_once() -> None:
    gate, asked = threading.Event(), 0

    def ask() -> bool:
        nonlocal asked
        asked += 1
        return gate.wait(20)

    pulse = Pulse(ask, patience_s=0.02)
    assert [await pulse.beats() for _ in range(3)] == [False] * 3
    assert asked == 1
    gate.set()
    while not await pulse.beats():
        await asyncio.sleep(0.01)
    assert await Pulse(lambda: True).beats()
    assert not await Pulse(lambda: False).beats()
