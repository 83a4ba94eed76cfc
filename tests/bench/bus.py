"""One noisy pair of wires: 9600 8E1, 10 units x 10 registers @ 5 s, with dead and flapping units.

And 20 TCP units behind one endpoint, 4 dead, @ 1 s; 30 meters of DL/T 645 at 2400 8E1, 3 dead,
@ 60 s; 10 units and 10 meters on one pair. Real lines (a pty with the timing of the baud rate, a
socket), the far end and the poller in processes of their own, all cases at once.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from plantroom.processes import Child
from tests.bench.measure import percentile

SHORTEST_WARM_UP_S = 30.0
MEASURED_S = 300.0
SHORTEST_BACK_S = 90.0
FIRST_METER = 101


@dataclass(frozen=True)
class Case:
    """A line and what is wrong with it.

    Attributes:
        units: Modbus units, numbered from 1.
        meters: Meters of DL/T 645, numbered from 101.
        points: What is asked of a meter, of the device file for single-phase ones; none: all.
        faults: Of which unit; the fields of ``simulators.faults.Fault``.
        back: The dead unit that answers again when the measuring is over; 0: none.
    """

    units: int = 10
    period_s: float = 5.0
    meters: int = 0
    meter_period_s: float = 60.0
    points: tuple[str, ...] = ()
    tcp: bool = False
    faults: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    back: int = 0

    @property
    def meter_numbers(self) -> list[int]:
        """The numbers of its meters."""
        return list(range(FIRST_METER, FIRST_METER + self.meters))

    @property
    def warm_up_s(self) -> float:
        """Three cycles at least: a unit that is new is looked for more often in spare time."""
        return max(SHORTEST_WARM_UP_S, 3 * max(self.healthy.values()))

    @property
    def back_s(self) -> float:
        """How long it is watched after a dead unit came back."""
        return max(SHORTEST_BACK_S, 2.5 * max(self.healthy.values()))

    @property
    def healthy(self) -> dict[int, float]:
        """Units with which nothing is wrong, and the period at which they are asked, seconds."""
        periods = dict.fromkeys(range(1, self.units + 1), self.period_s)
        periods |= dict.fromkeys(self.meter_numbers, self.meter_period_s)
        return {number: one for number, one in periods.items() if number not in self.faults}


DEAD = {"kind": "offline"}
FLAPPING = {"kind": "flapping", "seconds": 20.0}
NINE_IN_TEN = {"kind": "held", "seconds": 1.7, "longest_s": 4.8, "chance": 0.1}
NOISE = {"kind": "noise", "chance": 0.2}
UNSTEADY = (NINE_IN_TEN, NOISE)
"""Units that answer most of the time: they must be read nearly as often as healthy ones."""
CASES = {
    "all_alive": Case(),
    "one_dead": Case(faults={4: DEAD}, back=4),
    "three_dead": Case(faults={2: DEAD, 5: DEAD, 8: DEAD, 10: FLAPPING}, back=5),
    "messy": Case(
        faults={
            2: DEAD,
            3: {"kind": "late", "seconds": 1.5, "chance": 0.3},
            6: {"kind": "noise", "chance": 0.2},
            9: {"kind": "slow", "seconds": 0.15},
        }
    ),
    "nine_in_ten": Case(faults={4: DEAD, 7: NOISE} | dict.fromkeys((2, 3, 5, 8, 10), NINE_IN_TEN)),
    "tcp_nine_in_ten": Case(
        units=20,
        period_s=1.0,
        tcp=True,
        faults={8: DEAD} | dict.fromkeys((3, 6, 11, 14, 19), NINE_IN_TEN),
    ),
    "tcp_dead": Case(
        units=20, period_s=1.0, tcp=True, faults=dict.fromkeys((3, 8, 13, 18), DEAD), back=8
    ),
    "meters_dead": Case(
        units=0,
        meters=30,
        points=("import_energy", "active_power", "voltage_l1", "current_l1"),
        faults=dict.fromkeys((105, 112, 120), DEAD),
        back=112,
    ),
    "mixed_pair": Case(period_s=10.0, meters=10),
}


async def _run_case(name: str, case: Case, folder: Path) -> dict[str, Any]:
    """Run one case; returns when the dead unit came back and where the poller's account is."""
    told: dict[str, Any] = {
        "units": case.units,
        "period_s": case.period_s,
        "meters": case.meter_numbers,
        "meter_period_s": case.meter_period_s,
        "points": case.points,
        "faults": {str(number): dict(fault) for number, fault in case.faults.items()},
        "back": case.back,
        "back_after_s": case.warm_up_s + MEASURED_S,
        "seconds": case.warm_up_s + MEASURED_S + case.back_s,
        "path": "" if case.tcp else str(folder / f"{name}.tty"),
        "asked": str(folder / f"{name}.asked.json"),
        "result": str(folder / f"{name}.result.json"),
    }
    line = Child(name, line_command(told), log=folder / f"{name}.log", ready_event="ready")
    async with line:
        told["port"] = line.ready["port"]
        log = folder / f"{name}.poller.log"
        async with Child(f"{name} poller", _module("bus_poller", told), log=log) as poller:
            if await poller.wait():
                raise AssertionError(f"{name}: the poller failed:\n{poller.tail}")
        said = [json.loads(row) for row in line.tail.splitlines() if row.startswith("{")]
    back_s = next((one["at_s"] for one in said if one["event"] == "back"), None)
    return {"back_s": back_s, **told}


def line_command(told: Mapping[str, Any]) -> list[str]:
    """Return the command of a line's far end; see ``bus_line``."""
    return _module("bus_line", told)


def _module(name: str, told: Mapping[str, Any]) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.{name}", json.dumps(told)]


def _figures(case: Case, seen: Mapping[str, Any]) -> dict[str, Any]:
    start_s = seen["began_s"] + case.warm_up_s
    end_s = start_s + MEASURED_S
    within = [one for one in seen["spent"] if start_s <= one[0] <= end_s]
    dead_s = _spent_in_vain(case, within, DEAD)
    gaps = {
        period_s: _gaps(case, seen, period_s, start_s, end_s)
        for period_s in sorted(set(case.healthy.values()))
    }
    first, *others = gaps.values()
    figures: dict[str, Any] = {
        **_of_gaps(first),
        "planned_pct": round(100 * seen["planned"], 1),
        "dead_share_pct": round(100 * dead_s / MEASURED_S, 2),
        "busy_pct": round(100 * sum(one[2] for one in within) / MEASURED_S, 1),
    }
    if others:
        figures["by_period"] = {f"{one:g} s": _of_gaps(gaps[one]) for one in gaps}
    if FLAPPING in case.faults.values():
        figures["flapping_share_pct"] = round(
            100 * _spent_in_vain(case, within, FLAPPING) / MEASURED_S, 2
        )
    if seen["back_s"]:
        figures |= _return(case.back, seen)
    return figures | _unsteady(case, seen, start_s, end_s)


def _gaps(
    case: Case, seen: Mapping[str, Any], period_s: float, start_s: float, end_s: float
) -> list[float]:
    """Return the times between two good readings of what is asked at this period."""
    return [
        later - earlier
        for number, period in case.healthy.items()
        if period == period_s
        for times in seen["taken_s"][str(number)].values()
        for earlier, later in pairwise(times)
        if later >= start_s and earlier <= end_s
    ]


def _of_gaps(gaps: list[float]) -> dict[str, float]:
    return {
        "gap_s": round(fmean(gaps), 4),
        "p1_s": round(percentile(gaps, 1), 3),
        "p99_s": round(percentile(gaps, 99), 3),
        "longest_s": round(max(gaps), 3),
        "gaps": len(gaps),
    }


def _read_at(seen: Mapping[str, Any], number: int) -> list[float]:
    """Return when a unit was read, by what is asked of it first."""
    return next(iter(seen["taken_s"].get(str(number), {}).values()), [])


def _spent_in_vain(case: Case, spent: list[Any], fault: Mapping[str, Any]) -> float:
    ill = {number for number, one in case.faults.items() if one == fault}
    return sum(took_s for _, unit, took_s, well in spent if unit in ill and not well)


def _unsteady(
    case: Case, seen: Mapping[str, Any], start_s: float, end_s: float
) -> dict[str, float]:
    """How often the worst of the units that answer most of the time was read."""
    units = [number for number, fault in case.faults.items() if fault in UNSTEADY]
    if not units:
        return {}
    read = {
        number: [at for at in _read_at(seen, number) if start_s <= at <= end_s] for number in units
    }
    periods = MEASURED_S / case.period_s
    # Periods begin where the first of the healthy units is read.
    grid_s = min(at for at in _read_at(seen, next(iter(case.healthy))) if at >= start_s)
    gaps = [
        later - earlier
        for times in read.values()
        for earlier, later in pairwise([start_s, *times, end_s])
    ]
    met = {
        number: len({(at - grid_s) // case.period_s for at in times})
        for number, times in read.items()
    }
    return {
        "unsteady_read_pct": round(100 * min(met.values()) / periods, 1),
        "unsteady_longest_s": round(max(gaps), 2),
        "unsteady_allowed_s": 3 * case.period_s + 5,
    }


def _return(unit: int, seen: Mapping[str, Any]) -> dict[str, float]:
    """How long after its return, and with which probe, a unit was read again."""
    back_s: float = seen["back_s"]
    read = [at for at in _read_at(seen, unit) if at > back_s]
    asked = [
        well
        for at, number, took_s, well in seen["spent"]
        if number == unit and at - took_s > back_s
    ]
    return {
        "back_after_s": round(read[0] - back_s, 2) if read else float("inf"),
        "back_at_probe": asked.index(True) + 1 if True in asked else 0,
    }


async def _run_all(names: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    return await asyncio.gather(*(_run_case(name, CASES[name], folder) for name in names))


def run(names: Sequence[str] = ()) -> dict[str, Any]:
    """Healthy units' gaps beside dead ones on one line; what the dead cost; how they come back."""
    with tempfile.TemporaryDirectory(prefix="plantroom-bus-") as folder:
        names = names or list(CASES)
        told = asyncio.run(_run_all(names, Path(folder)))
        seen = [{**one, **json.loads(Path(one["result"]).read_text())} for one in told]
    cases = {name: _figures(CASES[name], one) for name, one in zip(names, seen, strict=True)}
    gaps = {
        f"{name}_{what}": figures[what]
        for name, figures in cases.items()
        for what in ("gap_s", "p99_s")
    }
    share = max(figures["dead_share_pct"] for figures in cases.values())
    worst = min(one.get("unsteady_read_pct", 100.0) for one in cases.values())
    return {
        **gaps,
        "dead_share_pct": share,
        "unsteady_read_pct": worst,
        "cases": cases,
        "measured_s": MEASURED_S,
    }
