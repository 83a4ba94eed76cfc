"""Names of alarm rules: ``{limit}`` and its like become what the rule has where it applies."""

import re
from collections.abc import Callable, Iterator

from config.base import Words
from config.conditions import Condition

_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_UNITS = ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟"), (1, "s", "秒"))
_MIN_NUMBER = 2
"""Smaller numbers, as in 'pump 1', are hardly a limit."""

Write = Callable[[str], str]
"""From a language to words."""


def rendered(
    name: Words, condition: Condition, *, on_delay_s: float, off_delay_s: float, unit: str
) -> Words:
    """Return the name with the rule's own figures."""
    values = _values(condition, on_delay_s=on_delay_s, off_delay_s=off_delay_s, unit=unit)

    def fill(text: str, language: str) -> str:
        return _PLACE.sub(lambda place: values[place[1]](language), text)

    # A figure may make it longer than what a file may say.
    return Words.model_construct(en=fill(name.en, "en"), zh=fill(name.zh, "zh"))


def unknown_places(name: Words, condition: Condition) -> Iterator[tuple[str, str]]:
    """Return the language and what is wrong with each place of a name that nothing fills."""
    known = _values(condition, on_delay_s=0, off_delay_s=0, unit="")
    for language, text in (("en", name.en), ("zh", name.zh)):
        for place in _PLACE.findall(text):
            if place not in known:
                allowed = ", ".join(f"{{{one}}}" for one in sorted(known))
                yield language, f"{{{place}}} stands for nothing here; allowed are {allowed}"


def says_number(name: Words, number: float) -> bool:
    """Return whether a name says this number literally: it is wrong when the number changes."""
    numbers = {float(one) for text in (name.en, name.zh) for one in _NUMBER.findall(text)}
    return abs(number) >= _MIN_NUMBER and number in numbers


def _values(
    condition: Condition, *, on_delay_s: float, off_delay_s: float, unit: str
) -> dict[str, Write]:
    values: dict[str, Write] = {"on_delay": _time(on_delay_s), "off_delay": _time(off_delay_s)}
    for option, figure in condition.figures.items():
        is_time = option.endswith("_s")
        values[option.removesuffix("_s")] = _time(figure) if is_time else _amount(figure, unit)
    return values


def _amount(figure: float, unit: str) -> Write:
    text = f"{figure:.10g}"
    return lambda _language: f"{text} {unit}" if unit else text


def _time(seconds: float) -> Write:
    for size, en, zh in _UNITS:
        if seconds and seconds % size == 0:
            return lambda language, count=seconds / size, words=(en, zh): (
                f"{count:g} {words[0]}" if language == "en" else f"{count:g}{words[1]}"
            )
    return lambda language: f"{seconds:g} s" if language == "en" else f"{seconds:g}秒"
