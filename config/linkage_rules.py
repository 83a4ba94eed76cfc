"""Whether linkages fit the devices of their gateway: names, types, values, loops (pure)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from config.base import Conflict
from config.command_values import accepted_value
from config.computed import (
    Reported,
    Result,
    all_needs_of,
    heard_results,
    result_of,
    results_of,
    words_to_compare,
)
from config.computed import TimedComputed as Computed
from config.errors import ConfigError
from config.interlock import Interlock, Place, compile_interlock
from config.linkages import Linkage, LinkedCommand
from config.point_kinds import AnyPoint
from config.problems import suggestion

_NOBODY = ""
"""Whose points the plain names of a condition would be: it has none, only {device.point}."""


class HasPoints(Protocol):
    """A device with everything filled in, as far as linkages look at it."""

    @property
    def points(self) -> dict[str, AnyPoint]:
        """What is read."""
        ...

    @property
    def computed(self) -> dict[str, Computed]:
        """What is computed from it."""
        ...

    @property
    def reported(self) -> dict[str, Reported]:
        """All that has a value, read or computed."""
        ...


def compile_condition(text: str, devices: Mapping[str, Collection[str]]) -> Interlock:
    """Return a condition over ``{device.point}`` of the points of each device.

    Raises:
        ConfigError: Broken, or a name that is not there; says where.
    """
    try:
        return compile_interlock(text, _NOBODY, {**devices, _NOBODY: ()})
    except ConfigError as error:
        message = str(error).partition(" Known points: ")[0].rstrip(".")
        message = message.replace("a rule has on_delay_s", "a linkage has delay_s")
        hint = "" if "{" in text else "; a point is written {device.point}"
        raise ConfigError(f"{message}{hint}") from None


def linkage_conflicts(
    linkages: Mapping[str, Linkage], devices: Mapping[str, HasPoints]
) -> Iterator[Conflict]:
    """Return what is wrong with linkages; the path of each begins with ``linkages``."""
    found: list[Conflict] = []
    for name, linkage in linkages.items():
        if name in devices:
            found.append(Conflict((name,), "is a device as well; choose another name"))
        for key, text in (("when", linkage.when), ("reset", linkage.reset)):
            problem = "" if text is None else _wrong_condition(text, devices)
            if problem:
                found.append(Conflict((name, key), problem))
        for index, command in enumerate(linkage.commands):
            at = (name, "commands", index)
            found += [Conflict((*at, key), problem) for key, problem in _wrong(command, devices)]
    if not found:
        found += _loops(linkages, devices)
    for at, message in found:
        yield Conflict(("linkages", *at), message)


def _wrong_condition(text: str, devices: Mapping[str, HasPoints]) -> str:
    try:
        condition = compile_condition(text, {name: one.reported for name, one in devices.items()})
        if not condition.places:
            return f"{text!r} names no point; a point is written {{device.point}}"
        results = {
            one: results_of(devices[one].points, devices[one].computed)
            | heard_results(devices[one].reported)
            for one in {place.device for place in condition.places}
        }
        known: dict[str, Result] = {}
        for name, place in condition.named.items():
            result = results[place.device][place.point]
            # What is wrong with it is told where it is wrong.
            known[name] = result if isinstance(result, Result) else Result.STATE
        words = {
            name: words_to_compare(devices[place.device].points, place.point)
            for name, place in condition.named.items()
        }
    except ConfigError as error:
        return str(error)
    try:
        yields = result_of(condition.expression, known, words)
    except ConfigError as error:
        # What is wrong, with the condition as the file has it.
        return f"{text!r}: {str(error).rpartition(': position ')[2].partition(': ')[2]}"
    return "" if yields is Result.STATE else f"{text!r} is a {yields}; compare it"


def _wrong(command: LinkedCommand, devices: Mapping[str, HasPoints]) -> Iterator[tuple[str, str]]:
    device = devices.get(command.device)
    if device is None:
        yield "device", f"no device {command.device!r}{suggestion(command.device, list(devices))}"
        return
    point = device.points.get(command.point)
    writable = sorted(name for name, one in device.points.items() if one.writable is not None)
    if point is None or point.writable is None:
        known = device.reported
        what = "cannot be commanded" if command.point in known else "is no point of this device"
        can = f"can be commanded: {', '.join(writable)}" if writable else "nothing here can be"
        yield "point", f"{command.point!r} {what}; {can}"
        return
    try:
        accepted_value(command.value, point)
    except ConfigError as error:
        yield "value", f"{command.device}.{command.point}: {error}"


def _loops(linkages: Mapping[str, Linkage], devices: Mapping[str, HasPoints]) -> Iterator[Conflict]:
    """Linkages whose commands change what their conditions say, with nobody in between.

    A latch that only a person resets ends a loop; so no such linkage is part of one.
    """
    free = {name: one for name, one in linkages.items() if not one.latch or one.reset is not None}
    reads = {name: _read_places(one, devices) for name, one in free.items()}
    writes = {name: {Place(c.device, c.point) for c in one.commands} for name, one in free.items()}
    next_of = {
        name: sorted(other for other in free if writes[name] & reads[other]) for name in free
    }
    for name in free:
        way = _way_back(name, next_of)
        if way:
            path = " -> ".join(way)
            message = f"its commands change what its condition reads ({path}), which is a loop"
            yield Conflict((name,), f"{message}; give it latch: true, without reset")


def _read_places(linkage: Linkage, devices: Mapping[str, HasPoints]) -> set[Place]:
    names = {name: one.reported for name, one in devices.items()}
    found: set[Place] = set()
    for text in (linkage.when, linkage.reset):
        for place in () if text is None else compile_condition(text, names).places:
            device = devices[place.device]
            needs = all_needs_of([place.point], device.points, device.computed)
            found |= {Place(place.device, one) for one in needs}
    return found


def _way_back(name: str, next_of: Mapping[str, list[str]]) -> list[str]:
    ways = [[name]]
    seen: set[str] = set()
    for way in ways:
        for other in next_of[way[-1]]:
            if other == name:
                return [*way, name]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []
