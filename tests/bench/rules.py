"""``python -m tests.bench.rules``: how many values a second the alarm rules keep up with.

100,000 points, 5,000 of them with a rule: seven in ten a limit, the others a rate of change, a
value that must move, an expression. In-band values are decided by the band alone, as the ingest
does; in the mixed load every alarm changes twice in a thousand values; in the engine's own figure
each value is looked at and changes the alarm of a limit.
"""

import json
import math
import time
from collections.abc import Callable
from typing import Any

from config.classes import EquipmentClass
from protocols.reading import Quality
from server.alarms.engine import AlarmEngine
from server.alarms.rulebook import RuleBook
from server.assets.series import Sample, Series
from server.core.clock import SystemClock

POINTS = 100_000
WATCHED = 5_000
_PER_UNIT = 20
_START = 1_795_000_000_000

_WORDS = {"en": "x", "zh": "x"}
_NAMES = ["value"] * 7 + ["speed", "flow", "level"]
_CONDITIONS = {
    "value": {"kind": "limit", "point": "value", "level": "hi", "limit": 80, "deadband": 2},
    "speed": {"kind": "rate", "point": "speed", "change": 20, "within_s": 60},
    "flow": {"kind": "stuck", "point": "flow", "for_s": 3600},
    "level": {"kind": "expression", "point": "level", "when": "level > 80"},
}
_CLASS = EquipmentClass.model_validate(
    {
        "class": "bench",
        "name": _WORDS,
        "trade": "heating",
        "points": {name: {"name": _WORDS, "kind": "number"} for name in _CONDITIONS},
        "rules": {
            name: {"name": _WORDS, "severity": "high", "cause": "x", "condition": condition}
            for name, condition in _CONDITIONS.items()
        },
    }
)


def run() -> dict[str, float]:
    """Return values a second: through the band, through the engine, and mixed."""
    engine = AlarmEngine(RuleBook({"bench": _CLASS}), SystemClock())
    series = [_series(number) for number in range(POINTS)]
    step = POINTS // WATCHED
    for one in series:
        engine.attach(one, equipment_class="bench")
    watched = series[::step]
    mixed = _rate(lambda tick: _feed(engine, series, tick, loud=_mixed_value))
    return {
        "in_band_values_per_s": _rate(lambda tick: _feed(engine, series, tick, loud=_calm_value)),
        "engine_values_per_s": _rate(lambda tick: _judge_all(engine, watched, tick)),
        "values_per_s": mixed,
    }


def _series(number: int) -> Series:
    step = POINTS // WATCHED
    return Series(
        number,
        key=f"s/{number}",
        name=f"p{number}" if number % step else _NAMES[number // step % len(_NAMES)],
        equipment_id=number // _PER_UNIT,
        max_silence_ms=None,
    )


def _calm_value(_number: int, _tick: int) -> float:
    return 50.0


def _mixed_value(number: int, tick: int) -> float:
    return 90.0 if (number + tick) % 1000 < 5 else 50.0


def _feed(
    engine: AlarmEngine, series: list[Series], tick: int, *, loud: Callable[[int, int], float]
) -> int:
    at = _START + tick * 1000
    suspects: list[Sample] = []
    for number, one in enumerate(series):
        value = loud(number, tick)
        if one.quiet_low <= value <= one.quiet_high:
            continue
        suspects.append(Sample(one, value, Quality.GOOD, at))
        one.quiet_low, one.quiet_high = math.inf, -math.inf
        if len(suspects) == 1000:
            engine.commit(engine.evaluate(suspects))
            suspects = []
    engine.commit(engine.evaluate(suspects))
    return len(series)


def _judge_all(engine: AlarmEngine, series: list[Series], tick: int) -> int:
    """Every value is looked at; each flips its alarm."""
    at, value = _START + tick * 1000, 90.0 if tick % 2 else 50.0
    samples = [Sample(one, value, Quality.GOOD, at) for one in series]
    engine.commit(engine.evaluate(samples))
    return len(series)


_tick = 0


def _rate(feed: Callable[[int], int]) -> float:
    global _tick  # noqa: PLW0603 (event time goes on from one load to the next)
    values, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < 2.0:
        _tick += 1
        values += feed(_tick)
    return round(values / spent)


def main() -> None:
    result: dict[str, Any] = dict(run())
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
