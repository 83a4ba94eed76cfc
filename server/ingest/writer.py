"""The ingest: arrivals to values, values to alarms and history, then acknowledgements.

The order makes a crash harmless. Births and states go into the records first, then the alarms see
what may concern them, then the history stores, then the node hears that it may forget. Whatever
was not acknowledged comes again, and each step ignores what it already knows. The history has a
thread of its own: the alarms of what arrives meanwhile do not wait for its disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from config.server import ServerSettings
from protocols.errors import PlantroomError
from server.assets.registry import Registry
from server.core.clock import Clock
from server.core.errors import StoreAwayError
from server.core.records import Records
from server.history.base import Batch, History, LastValue
from server.ingest.acks import Acks
from server.ingest.aliases import Aliases
from server.ingest.host import Host
from server.ingest.identity import Identities, forget_problems, store_problems
from server.ingest.instants import note_stored
from server.ingest.metrics import IngestMetrics
from server.ingest.node import Ready
from server.ingest.persistence import Persistence, StoppedError
from server.ingest.reception import Reception
from server.ingest.rounds import Answers, Evaluate, Rounds

T = TypeVar("T")
Stored = Callable[[Sequence[int]], None]

_CHUNK = 200
"""Messages between two looks at what is due."""
_MOST_VALUES = 20_000
"""After so many a batch is full. A gateway of which so many wait for the history waits itself."""
_MOST_WAITING = 200_000
"""When so many values wait for the history, all wait."""
_TICK_S = 0.1
_REFUSED_S = 10.0
"""Between two looks at what was refused of gateways."""
_log = structlog.get_logger()


def ignore(_: object) -> None:
    """Take no interest."""


class Ingest:
    """Everything between the broker and the stores; an async context manager."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        reception: Reception,
        records: Records,
        history: History,
        registry: Registry,
        clock: Clock,
        evaluate: Evaluate = ignore,
        answers: Answers = ignore,
        stored: Stored = ignore,
        gateways_to_confirm: Callable[[], Collection[str]] = frozenset,
        metrics: IngestMetrics | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            settings: The server's; used are sparkplug and history.flush_interval_s.
            reception: Where messages come from, and where it is noted how far they are settled.
            records: Where births, states and events go.
            history: Where values go.
            registry: The equipment, loaded.
            clock: Never runs backwards.
            evaluate: Takes, in order and before they are stored, the samples outside the quiet
                band of their series; returns when what follows is committed. In this thread.
            answers: Takes (equipment id, text) of what gateways say of commands. In this thread.
            stored: Hears the series ids of each stored batch, in the history's thread; is quick.
            gateways_to_confirm: Gives the keys of gateways that are asked for a birth when the
                broker is there: an alarm waits for what was said while the server was away.
            metrics: Counters; default: in the process's registry.
        """
        self.metrics = metrics or IngestMetrics(clock)
        self._reception, self._inbox, self._link = reception, reception.inbox, reception.link
        self._persist = Persistence(self.metrics, clock)
        self._host = Host(
            settings.sparkplug,
            registry,
            self.metrics,
            busy=reception.busy,
            persist=self._persist,
        )
        self._rounds = Rounds(
            self._host,
            records,
            registry,
            clock,
            persist=self._persist,
            evaluate=evaluate,
            answers=answers,
            settled=self._note_settled,
        )
        self.aliases = Aliases(self._host.nodes)
        self._gateways_to_confirm = gateways_to_confirm
        self._to_ask: set[str] | None = None
        self._flush_interval_s = settings.history.flush_interval_s
        self._records = records
        self._history = history
        self._registry = registry
        self._clock = clock
        self._stored = stored
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest")
        self._thread: Future[None] | None = None
        self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._storing: Future[None] | None = None
        self._missing: Future[list[LastValue]] | None = None
        self._flushed_at = 0.0
        self._ticked_at = 0.0
        self._refused_stored_s = 0.0
        self._at_rest: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._identities = Identities()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.restore)
        self._thread = self._executor.submit(self._run)
        self._link.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def restore(self) -> None:
        """Fill the series with their last values and take up the stored births.

        When the server of the history is away, the last values are taken up when it is back, before
        anything is stored; alarms know what they read of the records until then.

        Raises:
            StoreError: A store cannot be read.
        """
        try:
            self._take_last(self._history.last_values())
        except StoreAwayError as error:
            _log.warning("last_values_missing", error=str(error))
            self._missing = self._keeper.submit(self._read_last)
        self._records.write(partial(forget_problems, shard=self._registry.shard))
        self._host.restore(self._records, self._clock.now_ms())

    def _read_last(self) -> list[LastValue]:
        """In the history's thread: wait until it can be read."""
        return self._persist("history", lambda: list(self._history.last_values()))

    def _take_last(self, values: Iterable[LastValue]) -> None:
        """Fill those series that have not said anything newer."""
        before: dict[int, int] = {}
        for last in values:
            series = self._registry.find(last.series_id)
            if series is None or last.taken_at < before.setdefault(series.id, series.last_at):
                continue
            if last.taken_at == series.last_at:
                note_stored(series, last.value, last.quality, last.reason)
            series.last_value, series.last_quality = last.value, last.quality
            series.last_reason, series.last_at = last.reason, last.taken_at
            series.seen_at = max(series.seen_at, last.taken_at)

    async def run(self) -> None:
        """Return when the ingest was closed; raise the bug that ended its thread otherwise."""
        if self._thread is not None:
            await asyncio.wrap_future(self._thread)

    def close(self) -> None:
        """Leave the broker, store what has arrived, end the threads; may be repeated."""
        self._link.close()
        self._persist.stop()
        self._inbox.wake()
        self._executor.shutdown(wait=True)
        self._keeper.shutdown(wait=True)

    def at_rest(self, work: Callable[[], T]) -> Future[T]:
        """Run quick work at an instant at which records and history say the same.

        Everything that was evaluated is stored then, and nothing is being evaluated; what arrives
        meanwhile waits. Cancelled when the ingest ends before.
        """
        future: Future[T] = Future()
        self._at_rest.append((future, work))
        self._inbox.wake()
        return future

    def fill_in(self, batch: Batch) -> Future[None]:
        """Store readings that no gateway sends; no rule looks at them.

        The future raises StoreError when nothing of the batch is stored.
        """
        return self._keeper.submit(self._history.append, batch)

    @property
    def alive(self) -> bool:
        """Whether the thread runs; for the health page."""
        return self._thread is not None and not self._thread.done()

    @property
    def stuck(self) -> frozenset[str]:
        """Steps for which a store is waited for, as ``history``."""
        return self._persist.stuck

    def problem(self, step: str) -> str:
        """Return why a step has to wait for its store; empty: it does not."""
        return self._persist.problem(step)

    def _run(self) -> None:
        try:
            while not self._persist.stopping:
                self._work(wait_s=self._patience_s())
                if self._at_rest:
                    self._rest()
            while len(self._inbox) or self._host.busy:
                self._work(wait_s=0)
            self._flush()
            self._await_stored()
        except StoppedError:
            _log.warning("ingest_stopped_unstored", messages=len(self._inbox))
        finally:
            for future, _ in self._at_rest:
                future.cancel()

    def _rest(self) -> None:
        """Settle and store what has been taken, then do what waits for that."""
        while self._host.busy:
            self._work(wait_s=0, limit=0)
        self._flush()
        self._await_stored()
        while self._at_rest:
            future, work = self._at_rest.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except PlantroomError as error:
                future.set_exception(error)

    def _work(self, *, wait_s: float, limit: int = _CHUNK) -> None:
        """Take what has arrived one step further; of new messages at most ``limit``."""
        if self._host.busy:
            wait_s = 0
        arrivals = self._inbox.take(limit=limit, wait_s=wait_s, but=self._passed_over())
        if arrivals:
            self._reception.note_taken(arrivals[0].arrived_at)
        for arrival in arrivals:
            self._host.receive(arrival)
        self.metrics.messages.inc(len(arrivals))
        now_s = self._clock.monotonic_s()
        ticks = now_s - self._ticked_at >= _TICK_S
        if ticks:
            self._ticked_at = now_s
            self._tick(now_s)
        self._rounds.settle()
        busy = self._host.busy
        if ticks:
            self._persist("presence", lambda: self._registry.record_omitted(but=busy))
        self._reception.note_settled()
        for topic, payload in self._host.take_requests():
            self._link.publish(topic, payload)
        waiting = len(self._rounds.ready.batch)
        due = waiting >= _MOST_VALUES or now_s - self._flushed_at >= self._flush_interval_s
        if waiting >= _MOST_WAITING or (due and not self._is_storing()):
            self._flush()
        self._reception.note_work()

    def _tick(self, now_s: float) -> None:
        now_ms = self._clock.now_ms()
        if self._missing is not None and self._missing.done():
            self._take_last(self._missing.result())
            self._missing = None
        self._host.tick(now_ms)
        for key in self._inbox.take_missed():
            self._host.missed(key, now_ms=now_ms, now_s=now_s)
        self._ask(now_ms)
        self._host.watch_silence(
            self._link.connection, now_ms=now_ms, now_s=now_s, unread=self._inbox.waits
        )
        self.metrics.queued.set(len(self._inbox))
        self._link.look()
        if problems := self._identities.take_changed(now_s):
            store = partial(store_problems, problems=problems)
            self._persist("presence", lambda: self._records.write(store))
        if now_s - self._refused_stored_s >= _REFUSED_S:
            self._refused_stored_s = now_s
            self._persist("refused", self._registry.record_refused)

    def _passed_over(self) -> AbstractSet[str]:
        """Return the keys of gateways that have to wait until what they sent is settled."""
        values = self._rounds.ready.values
        full = {key for key, count in values.items() if count >= _MOST_VALUES}
        return full | self._host.busy.keys() if full else self._host.busy.keys()

    def _ask(self, now_ms: int) -> None:
        """Once the broker is there, let those speak for whom alarms wait."""
        if not self._link.connection:
            return
        if self._to_ask is None:
            self._to_ask = set(self._gateways_to_confirm())
        if self._to_ask:
            self._host.ask_births(self._to_ask, now_ms)

    def _patience_s(self) -> float:
        """Return how long nothing may arrive before there is something else to do."""
        ready = self._rounds.ready
        idle = not len(ready.batch) and not ready.acks.count
        if idle or self._is_storing():
            return _TICK_S
        due_s = self._flushed_at + self._flush_interval_s - self._clock.monotonic_s()
        return max(0.0, min(due_s, _TICK_S))

    def _flush(self) -> None:
        """Hand the batch and its acknowledgements over to the history's thread, one at a time."""
        batch, acks = self._rounds.ready.batch, self._rounds.ready.acks
        if not len(batch) and not acks.count:
            return
        self._await_stored()
        self._rounds.ready = Ready()
        self._identities.heard(acks.journals(), self._clock.monotonic_s())
        self._flushed_at = self._clock.monotonic_s()
        self._storing = self._keeper.submit(self._store, batch, acks)
        # Whoever waits for arrivals has something to hand over then.
        self._storing.add_done_callback(lambda _: self._inbox.wake())

    def _note_settled(self, oldest_at: int) -> None:
        self.metrics.chain_s.observe((self._clock.now_ms() - oldest_at) / 1000)

    def _is_storing(self) -> bool:
        return self._storing is not None and not self._storing.done()

    def _await_stored(self) -> None:
        """Wait for the batch before; what stopped it stops the ingest."""
        if self._storing is not None:
            self._storing.result()

    def _store(self, batch: Batch, acks: Acks) -> None:
        """In the history's thread: make the batch durable, then say so."""
        if len(batch):
            with self.metrics.flush_s.time():
                self._persist("history", lambda: self._history.append(batch))
            self.metrics.values.inc(len(batch))
            self._stored(batch.series)
        self.metrics.acks.inc(acks.count)
        for topic, payload in acks.take(self._clock.now_ms()):
            self._link.publish(topic, payload)
