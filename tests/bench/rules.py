"""``python -m tests.bench.rules``: how many values a second the alarm rules keep up with.

The classes as they are shipped, on 100,000 points, with the engine, the chain and its SQLite file;
one equipment in ten has limits of its own, so that there are more than 5,000 different rules.
Numbers wander by one percent, states come every tenth time, one value in a hundred is late, and
five alarms begin each second of the 50,000 values that are asked for. Decoding is not in it
(``ingest.json``): the values are compared with their bands as the decoder does it.
"""

import gc
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from config.alarming import AlarmSettings
from config.load import load_classes
from config.server import MessageSettings
from protocols.reading import Quality, Value
from server.alarming.announcements import AlarmNotifier
from server.alarming.pipeline import TIMER_KINDS, AlarmPipeline
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.model import Alarm
from server.alarms.rulebook import Override, RuleBook
from server.alarms.suppression.outages import Outages
from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.series import Sample, Series
from server.core import schema
from server.core.records import Records
from server.core.timer_sweep import Handler, TimerSweep
from tests.bench.classes import Kind, well
from tests.fakes.agent_clock import FakeClock

POINTS = 100_000
_ASKED = 50_000
_ALARMS_PER_S = 5
_LATE = 0.01
_STATES_EVERY = 10
_MESSAGES = 50
"""Handed over together, as a busy ingest does."""
_ROUNDS, _TICKS = 5, 4
_TICK_S = POINTS / _ASKED
_MIX = (
    *["electricity_meter"] * 3,
    *["heating_pump"] * 3,
    *["drainage", "elevator", "water_leak", "room_climate", "access_control", "fire_panel"],
)

Message = list[tuple[Series, Value, int]]


class Bench:
    """A server's alarms over a large estate; ``messages`` are made before they are timed."""

    def __init__(self, records: Records) -> None:
        self.source = random.Random(7)  # noqa: S311 (no secret)
        self.clock = FakeClock()
        self.records = records
        self.kinds = {name: well(one) for name, one in load_classes().items()}
        self.units: list[tuple[Kind, dict[str, Series]]] = []
        equipment = self._install()
        book = RuleBook({n: k.settings for n, k in self.kinds.items()}, _own(equipment, self.kinds))
        self.engine = AlarmEngine(book, self.clock)
        settings = AlarmSettings()
        self.pipeline = AlarmPipeline(
            records,
            self.engine,
            AlarmNotifier(MessageSettings(), settings),
            self.clock,
            outages=Outages(settings),
        )
        for kind, unit in self.units:
            for series in unit.values():
                self.engine.attach(series, equipment_class=kind.settings.equipment_class)
        handlers: dict[str, Handler] = dict.fromkeys(TIMER_KINDS, self.pipeline.on_timer)
        self.timers = TimerSweep(records, handlers, self.clock)
        self.trips = [
            (unit[name], *values)
            for kind, unit in self.units
            for name, values in kind.trips.items()
        ]
        self.source.shuffle(self.trips)
        self.rules = len(self.engine.watched())
        self.different = len(
            {
                id(rule)
                for number, (kind, _) in enumerate(self.units, start=1)
                for rule in book.rules_of(
                    kind.settings.equipment_class, site="bench", equipment_id=number
                )
            }
        )
        self._tick = 0
        self._tripped: list[tuple[Series, Value, Value]] = []

    def messages(self, *, quiet: bool = False) -> list[Message]:
        """Return what everything reports at the next tick."""
        self._tick += 1
        now = self.clock.now_ms() + round(_TICK_S * 1000)
        messages: list[Message] = []
        for number, (kind, unit) in enumerate(self.units):
            message: Message = [
                (unit[name], middle + self.source.uniform(-noise, noise), now)
                for name, (middle, noise) in kind.numbers.items()
            ]
            if (number + self._tick) % _STATES_EVERY == 0:
                message += [(unit[name], value, now) for name, value in kind.states.items()]
            if not quiet:
                late = [one for one in message if self.source.random() < _LATE]
                message += [(series, value, at - 1500) for series, value, at in late]
            messages.append(message)
        if not quiet:
            messages += self._trip(now)
        return messages

    def every_value_an_alarm(self, number: int) -> list[Message]:
        """Return messages in which each value begins an alarm, or ends it."""
        self._tick += 1
        now, bad = self.clock.now_ms() + round(_TICK_S * 1000), self._tick % 2
        chosen = self.trips[:number]
        return [[(series, not_well if bad else well, now)] for series, well, not_well in chosen]

    def feed(self, messages: Sequence[Message]) -> int:
        """Do what the server does with them; return how many values that were."""
        self.clock.advance(_TICK_S)
        values = 0
        for first in range(0, len(messages), _MESSAGES):
            samples: list[Sample] = []
            for message in messages[first : first + _MESSAGES]:
                values += len(message)
                self._decode(message, samples)
            if samples:
                self.pipeline.on_samples(samples)
        self.timers.sweep()
        return values

    def _decode(self, message: Message, samples: list[Sample]) -> None:
        """Compare with the bands, as server/ingest/decode.py."""
        good, inf, seen_at = Quality.GOOD, math.inf, self.clock.now_ms()
        for series, value, taken_at in message:
            late = taken_at <= series.last_at
            if not late:
                series.last_value, series.last_quality = value, good
                series.last_reason, series.last_at, series.seen_at = "", taken_at, seen_at
            if (
                (series.no_change_low == -inf and series.no_change_high == inf)
                if late or value.__class__ is str
                else series.no_change_low <= value <= series.no_change_high  # type: ignore[operator]
            ):
                continue
            samples.append(Sample(series, value, good, taken_at, "", late))
            series.no_change_low, series.no_change_high = inf, -inf

    def _trip(self, now: int) -> Iterator[Message]:
        yield from ([(series, well, now)] for series, well, _ in self._tripped)
        self._tripped = self.source.sample(self.trips, round(_ALARMS_PER_S * _TICK_S))
        # A state that is repeated in this tick was already reported: this is its change.
        yield from ([(series, bad, now + 1)] for series, _, bad in self._tripped)

    def _install(self) -> list[tuple[int, str]]:
        """Write the rows of the estate; return id and class of its equipment."""
        equipment: list[dict[str, Any]] = []
        points: list[dict[str, Any]] = []
        words = {"name_en": "x", "name_zh": "x"}
        while len(points) < POINTS:
            name = _MIX[len(equipment) % len(_MIX)]
            number, kind = len(equipment) + 1, self.kinds[name]
            equipment.append(
                {"id": number, "key": f"bench/gw/u{number}", "site_id": 1, "gateway_id": 1, **words}
                | {"equipment_class": name, "profile": "", "online": True, "since_at": 0}
                | {"reason": ""}
            )
            unit: dict[str, Series] = {}
            for point in kind.settings.points:
                key = f"bench/gw/u{number}/{point}"
                row = {"id": len(points) + 1, "key": key, "equipment_id": number, "name": point}
                points.append(row | words | {"datatype": 10, "unit": ""})
                unit[point] = Series(
                    len(points), key=key, name=point, equipment_id=number, max_silence_ms=60_000
                )
            self.units.append((kind, unit))

        def write(session: Any) -> None:
            session.add(Site(id=1, key="bench"))
            session.flush()
            session.add(Gateway(id=1, key="bench/gw", site_id=1, online=True, since_at=0))
            session.flush()
            session.execute(insert(Equipment), equipment)
            session.execute(insert(Point), points)

        self.records.write(write)
        return [(int(one["id"]), str(one["equipment_class"])) for one in equipment]


def _own(equipment: Sequence[tuple[int, str]], kinds: dict[str, Kind]) -> Iterator[Override]:
    for number, name in equipment[::10]:
        for rule, settings in kinds[name].settings.rules.items():
            if not settings.life_safety:
                changes = {"off_delay_s": settings.off_delay_s + 1}
                yield Override(f"{name}.{rule}", "equipment", str(number), changes)


def run() -> dict[str, Any]:
    """Values per CPU second through bands, rules, chain and records: mixed, quiet, all alarms."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as folder:
        url = f"sqlite:///{Path(folder)}/records.sqlite"
        schema.upgrade(url)
        with Records.open(url) as records:
            try:
                return _run(Bench(records))
            finally:
                gc.unfreeze()


def _run(bench: Bench) -> dict[str, Any]:
    for _ in range(_STATES_EVERY + 1):
        bench.feed(bench.messages(quiet=True))
    gc.collect()
    gc.freeze()
    assert not _alarms(bench), "something is wrong when all is well"
    mixed = [_rate(bench) for _ in range(_ROUNDS)]
    alarms = _alarms(bench)
    quiet = [_rate(bench, quiet=True) for _ in range(_ROUNDS)]
    loud = [_loud(bench) for _ in range(6)]
    return {
        "values_per_s": round(statistics.median(mixed)),
        "quiet_values_per_s": round(statistics.median(quiet)),
        "every_value_an_alarm_per_s": round(statistics.median(loud)),
        "alarms": alarms,
        "points": sum(len(unit) for _, unit in bench.units),
        "rules_running": bench.rules,
        "rules_different": bench.different,
    }


def _rate(bench: Bench, *, quiet: bool = False) -> float:
    """Each tick's messages are made before it is timed; all ticks of a round count together."""
    values = spent = 0.0
    for _ in range(_TICKS):
        messages = bench.messages(quiet=quiet)
        began = time.process_time()
        values += bench.feed(messages)
        spent += time.process_time() - began
    return values / spent


def _loud(bench: Bench) -> float:
    messages = bench.every_value_an_alarm(200)
    began = time.process_time()
    return bench.feed(messages) / (time.process_time() - began)


def _alarms(bench: Bench) -> int:
    return bench.records.read(lambda session: session.query(Alarm).count())


def main() -> None:
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
