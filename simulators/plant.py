"""All units of an estate, and what is done to them."""

import zlib
from collections.abc import Callable, Mapping
from typing import Final

from protocols.reading import Value
from simulators import cjt188, mbus
from simulators.cjt188 import SimulatedMeter as SimulatedCjt188Meter
from simulators.counter import Counter
from simulators.dlt645 import meter as dlt645
from simulators.dlt645.meter import SimulatedMeter
from simulators.equipment.base import Equipment
from simulators.equipment.kinds import MODELS
from simulators.errors import UnknownNameError
from simulators.estate import Estate, ScriptStep, Step, Unit, points_of
from simulators.estate_parts import Part
from simulators.faults import Faults, FaultyUnit
from simulators.line import Responder
from simulators.mbus import SimulatedSlave
from simulators.model_unit import ModelUnit
from simulators.slave import exception_reply
from simulators.unit import SimulatedUnit
from simulators.wire_settings import Cjt188Meter, MbusSlave, Meter

_NO_PARTS: Final[Mapping[str, Part]] = {}


class Plant:
    """The units of an estate by name.

    Values are a function of time, of what was done, and of the seed; the caller tells the time.

    Attributes:
        units: Units with a model of plant; what speaks by itself and counters are not among them.
        counters: Counter devices by name.
    """

    def __init__(
        self,
        estate: Estate,
        *,
        started_s: float,
        seed: int | None = None,
        parts: Mapping[str, Part] = _NO_PARTS,
    ) -> None:
        self.estate = estate
        self.started_s = started_s
        self.units: dict[str, ModelUnit] = {}
        self.counters: dict[str, Counter] = {}
        self._parts = parts
        self._faulty: dict[str, FaultyUnit] = {}
        self._due = sorted(estate.script, key=lambda step: step.at_s)
        for name, unit in estate.units.items():
            if unit.speaks_itself:
                continue
            own_seed = zlib.crc32(f"{estate.seed if seed is None else seed}/{name}".encode())
            self._faulty[name] = FaultyUnit(
                self._built(name, unit, own_seed), seed=own_seed, refusal=_refusal(unit)
            )

    def _built(self, name: str, unit: Unit, seed: int) -> Responder:
        if unit.equipment == "counter":
            self.counters[name] = Counter()
            return self.counters[name]
        model = MODELS[unit.equipment](seed=seed, started_s=self.started_s)
        built = _model_unit(name, unit, model, self.started_s)
        self.units[name] = built
        return built

    def responders(self, endpoint: str) -> dict[int, Responder]:
        """Return the units of one endpoint by their address."""
        return {
            unit.wire.number if unit.wire else unit.unit or 0: self._faulty[name]
            for name, unit in self.estate.units.items()
            if unit.endpoint == endpoint and not unit.speaks_itself
        }

    def advance(self, now_s: float) -> list[ScriptStep]:
        """Do the steps of the script that are due and return them."""
        done: list[ScriptStep] = []
        while self._due and self.started_s + self._due[0].at_s <= now_s:
            step = self._due.pop(0)
            self.do(step, now_s)
            done.append(step)
        return done

    def next_due_s(self) -> float | None:
        """Return the time of the next step of the script, UTC seconds."""
        return self.started_s + self._due[0].at_s if self._due else None

    def do(self, step: Step, now_s: float) -> None:
        """Do one thing to one unit.

        Raises:
            UnknownNameError: no such unit, event or point.
            ValueRangeError: the point cannot carry the value.
        """
        if step.unit in self._parts:
            self._parts[step.unit].happen(step.do)
            return
        match step.do:
            case "fault":
                self._faults(step.unit).add(step.fault(now_s))
            case "clear":
                self.clear(step.unit, now_s)
            case "freeze":
                self._unit(step.unit).freeze(step.point or "", now_s)
            case "set":
                self._unit(step.unit).hold(step.point or "", step.value)
            case event:
                self._unit(step.unit).happen(event, now_s)

    def clear(self, unit: str, now_s: float) -> None:
        """End everything that was done to a unit.

        Raises:
            UnknownNameError: no such unit.
        """
        if unit in self._parts:
            self._parts[unit].happen("clear")
            return
        self._faults(unit).clear()
        if unit in self.units:
            self.units[unit].release()
            self.units[unit].happen("clear", now_s)

    def get(self, unit: str, point: str, now_s: float) -> Value:
        """Return the value that a master would read.

        Raises:
            UnknownNameError: no such unit or point.
        """
        if unit in self.counters and point == "count":
            return self.counters[unit].reads
        return self._unit(unit).get(point, now_s)

    def _faults(self, name: str) -> Faults:
        if name not in self._faulty:
            raise UnknownNameError(f"no unit {name!r}; there are {sorted(self._faulty)}")
        return self._faulty[name].faults

    def _unit(self, name: str) -> ModelUnit:
        if name not in self.units:
            raise UnknownNameError(f"no unit {name!r} with plant; there are {sorted(self.units)}")
        return self.units[name]


def _model_unit(
    name: str, unit: Unit, model: Equipment, started_s: float
) -> SimulatedMeter | SimulatedCjt188Meter | SimulatedSlave | SimulatedUnit:
    match unit.wire:
        case None:
            return SimulatedUnit(name, equipment=model, points=points_of(unit))
        case Meter() as meter:
            return SimulatedMeter(
                name, equipment=model, settings=meter.settings(), started_s=started_s
            )
        case Cjt188Meter() as meter:
            return SimulatedCjt188Meter(
                name, equipment=model, settings=meter.settings(), started_s=started_s
            )
        case MbusSlave() as slave:
            return SimulatedSlave(
                name, equipment=model, settings=slave.settings(), started_s=started_s
            )


def _refusal(unit: Unit) -> Callable[[int, int], bytes]:
    match unit.wire:
        case None:
            return exception_reply
        case Meter():
            return dlt645.refusal
        case Cjt188Meter():
            return cjt188.refusal
        case MbusSlave():
            return mbus.refusal
