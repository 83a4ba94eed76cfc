"""Interlocks: a condition over points of one gateway that must hold before a command goes out.

``level < 2 and not {pump-1.fault}``: a plain name is a point of the commanded device, one in braces
is ``{device.point}``.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from config.errors import ConfigError
from config.expression import Expression, compile_expression
from config.problems import suggestion
from protocols.reading import Value

_OTHER: Final = re.compile(r"\{([^{}]*)\}")


class Place(NamedTuple):
    """A point of a device."""

    device: str
    point: str


class Interlock:
    """A checked interlock.

    Attributes:
        text: As the file has it.
        expression: With a name for each place.
        named: Those names, and the points that they stand for.
        places: The points that it reads.
    """

    def __init__(self, text: str, expression: Expression, places: Mapping[str, Place]) -> None:
        self.text = text
        self.expression = expression
        self.named = {name: places[name] for name in sorted(expression.names)}
        self.places = tuple(self.named.values())

    def holds(self, values: Mapping[Place, Value]) -> bool | None:
        """Return whether it is satisfied; None when that cannot be known."""
        known = {name: values.get(place) for name, place in self.named.items()}
        result = self.expression.evaluate(known)
        return None if result is None else bool(result)


def compile_interlock(
    text: str,
    device: str,
    devices: Mapping[str, Collection[str]],
    *,
    there: str = "on this gateway",
) -> Interlock:
    """Return the interlock of a point of ``device``.

    Args:
        text: The expression.
        device: Whose points the plain names are.
        devices: Points of every device that it may speak of.
        there: Where these are, in words.

    Raises:
        ConfigError: Broken, or a name that is not there; says where.
    """
    places = {name: Place(device, name) for name in devices[device]}

    def plain(match: re.Match[str]) -> str:
        place = _place(match[1], text, devices, there)
        # As long as what it replaces, so that positions in errors stay true.
        name = re.sub(r"\W", "_", match[0])
        while places.setdefault(name, place) != place:
            name += "_"
        return name

    named = _OTHER.sub(plain, text)
    try:
        expression = compile_expression(named, list(places))
    except ConfigError as error:
        # In the words of the file.
        raise ConfigError(str(error).replace(repr(named), repr(text))) from None
    return Interlock(text, expression, places)


def _place(name: str, text: str, devices: Mapping[str, Collection[str]], there: str) -> Place:
    # Both parts may contain dots: the longest device that fits is meant.
    for device in sorted(devices, key=len, reverse=True):
        if name.startswith(f"{device}.") and name.removeprefix(f"{device}.") in devices[device]:
            return Place(device, name.removeprefix(f"{device}."))
    known = [f"{device}.{point}" for device, points in devices.items() for point in points]
    hint = suggestion(name, known).rstrip(".")
    raise ConfigError(f"{text!r}: no point {{{name}}} {there}{hint}")
