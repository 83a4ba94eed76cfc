"""Last values from the processes that ingest to those that show them, over the broker (ADR-55).

Whoever begins to hear asks once, and is told every value; then what changes, each point at most
five times a second. A frame that is lost is made up for with the next connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.mqtt import MqttSettings
from server.assets.model import Point
from server.core.clock import Clock
from server.core.errors import StoreAwayError
from server.core.records import Records
from server.history.base import History
from server.ingest.side_client import SideClient
from server.live.hub import BEAT_S
from server.live.values import LastValue, MirroredValues, Values
from server.live.wire import frames, parse_frame

TOPIC: Final = "plantroom/live"
ASK: Final = "plantroom/live/ask"
log = structlog.get_logger()


class LiveSender:
    """Of a process that ingests for others that show."""

    def __init__(self, settings: MqttSettings, values: Values, clock: Clock) -> None:
        self._settings = settings
        self._values = values
        self._clock = clock
        self._reports: deque[Sequence[int]] = deque()
        self._asked = False

    def changed(self, point_ids: Sequence[int]) -> None:
        """Take points with a new value; from any thread, cheap."""
        self._reports.append(point_ids)

    async def run(self) -> None:
        """Send what changes until cancelled."""
        side = SideClient(
            self._settings,
            "values",
            filters=[ASK],
            hear=lambda _topic, _payload: self._ask(),
            on_connected=self._ask,
        )
        with side:
            while True:
                await self._clock.sleep(BEAT_S)
                changed = self._take()
                if not side.connected:
                    continue  # with the next connection all are sent
                for frame in frames(self._values, changed):
                    side.say(TOPIC, frame)
                    # The loop has other things to do between two frames of a large estate.
                    await self._clock.sleep(0)

    def _ask(self) -> None:
        self._asked = True

    def _take(self) -> set[int]:
        changed: set[int] = set()
        while self._reports:
            changed.update(self._reports.popleft())
        if self._asked:
            self._asked = False
            changed.update(self._values.ids())
        return changed


class LiveReceiver:
    """Of a process that shows what others ingest."""

    def __init__(
        self,
        settings: MqttSettings,
        values: MirroredValues,
        changed: Callable[[Sequence[int]], None],
    ) -> None:
        """Prepare.

        Args:
            settings: Of the broker.
            values: Takes what comes.
            changed: Hears the ids of points with a newer value, in the event loop.
        """
        self._values = values
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._side = SideClient(
            settings, "show", filters=[TOPIC], hear=self._hear, on_connected=self._ask
        )

    @property
    def connected(self) -> bool:
        """Whether the broker delivers."""
        return self._side.connected

    @property
    def problem(self) -> str:
        """Why it does not; empty: it does."""
        problem = self._side.problem
        return f"live values stand still: {problem}" if problem else ""

    async def run(self) -> None:
        """Receive until cancelled."""
        with self._side:
            await self._loop.create_future()

    # What follows runs in paho's thread.

    def _ask(self) -> None:
        self._side.say(ASK, b"")

    def _hear(self, _topic: str, payload: bytes) -> None:
        try:
            values, silences = parse_frame(payload)
        except (ValueError, TypeError) as error:
            log.warning("live_frame_refused", error=str(error))
            return
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, values, silences)

    def _take(self, values: Sequence[LastValue], silences: Sequence[int | None]) -> None:
        self._values.take(values, silences)
        self._changed([one.point_id for one in values])


def stored_values(records: Records, history: History) -> MirroredValues:
    """Return the last values as they are stored: what is shown while nobody ingests.

    Raises:
        StoreError: The records or the history cannot be read.
    """
    silences = records.read(_silences)
    values = MirroredValues()
    try:
        newest = [one for one in history.last_values() if one.series_id in silences]
    except StoreAwayError as error:
        log.warning("last_values_missing", error=str(error))
        return values
    shown = [
        LastValue(one.series_id, one.value, one.quality, one.reason, one.taken_at, one.taken_at)
        for one in newest
    ]
    values.take(shown, [silences[one.point_id] for one in shown])
    return values


def _silences(session: Session) -> dict[int, int | None]:
    found = session.execute(select(Point.id, Point.max_silence_ms))
    return {point: silence for point, silence in found}  # noqa: C416 (rows are no pairs to a checker)
