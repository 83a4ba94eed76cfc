"""Sends commands to the gateways until they are answered; the rows are the queue."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from structlog import get_logger

from server.commands.service import AliasOf, Answer, due, no_alias, sent, take_answers
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.model import Event
from server.core.records import Records

log = get_logger()

_LOOK_S = 0.5


class CommandSender:
    """Publishes what is due; woken by commits, and by the clock.

    A command is sent again until its answer comes: the gateway carries a key out once.
    """

    def __init__(
        self,
        records: Records,
        *,
        publish: Callable[[str, bytes], None],
        connected: Callable[[], bool],
        clock: Clock,
        alias_of: AliasOf = no_alias,
        owns: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._records = records
        self._owns = owns
        self._alias_of = alias_of
        self._publish = publish
        self._connected = connected
        self._clock = clock
        self._news = asyncio.Event()
        self._failing = False

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()

        def heard(events: Sequence[Event]) -> None:
            concerned = not events or any(event.kind == "command.asked" for event in events)
            if concerned and not loop.is_closed():
                loop.call_soon_threadsafe(self._news.set)

        self._records.listen(heard)
        while True:
            await self._try_to_send()
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    async def send(self) -> int:
        """Send what is due; returns how many commands that were.

        Raises:
            StoreError: The records cannot be reached now.
        """
        if not self._connected():
            return 0
        parcels = await self._records.write_async(
            partial(due, now=self._clock.now_ms(), alias_of=self._alias_of, owns=self._owns)
        )
        for parcel in parcels:
            self._publish(parcel.topic, parcel.payload)
        if parcels:
            ids = [parcel.command_id for parcel in parcels]
            await self._records.write_async(partial(sent, ids=ids, at=self._clock.now_ms()))
        return len(parcels)

    async def _try_to_send(self) -> None:
        try:
            await self.send()
        except StoreError as error:
            if not self._failing:
                log.warning("commands_wait", error=str(error))
            self._failing = True
        else:
            self._failing = False


def answers(records: Records, clock: Clock) -> Callable[[list[tuple[int, str]]], None]:
    """Return what the ingest calls with the answers of gateways, before it acknowledges them."""

    def take(received: list[tuple[int, str]]) -> None:
        answers = [Answer(*one) for one in received]
        records.write(partial(take_answers, answers=answers, at=clock.now_ms()))

    return take
