"""Hours of a contract as people write them in a cell; pure."""

import re
from typing import Final

from config.people import DAYS, Day
from config.work_orders import ServiceHours, ServiceShift

_WORDS: Final[dict[str, tuple[Day, ...]]] = {
    **{day: (day,) for day in DAYS},
    "workday": ("workday",),
    "day_off": ("day_off",),
    "daily": (),
    "工作日": ("workday",),
    "休息日": ("day_off",),
    "每天": (),
    **{f"周{word}": (day,) for word, day in zip("一二三四五六日", DAYS, strict=True)},
}
_SHIFT: Final = re.compile(r"([^\d]*?)\s*(\d{1,2}:\d\d)\s*[-–~至到]\s*(\d{1,2}:\d\d)")  # noqa: RUF001 (dashes that people type)


def parse_hours(text: str) -> ServiceHours:
    """Return the hours of such as ``workday 08:30-17:30; sat, sun 09:00-12:00``.

    Raises:
        ValueError: It says no hours.
    """
    parts = [one.strip() for one in re.split(r"[;；\n]", text) if one.strip()]  # noqa: RUF001
    if not parts:
        raise ValueError(_expected(text))
    return ServiceHours(shifts=tuple(_shift(one) for one in parts))


def _shift(part: str) -> ServiceShift:
    found = _SHIFT.fullmatch(part)
    if found is None:
        raise ValueError(_expected(part))
    words, begin, end = found.groups()
    start, until = (one.zfill(5) for one in (begin, end))
    if max(start, until) > "23:59" or max(start[3:], until[3:]) > "59":
        raise ValueError(_expected(part))
    return ServiceShift(days=_days(words), start=start, end=until)


def _days(words: str) -> tuple[Day, ...]:
    days: list[Day] = []
    for word in re.split(r"[,，、\s]+", words.casefold()):  # noqa: RUF001
        if not word:
            continue
        if word not in _WORDS:
            raise ValueError(f"no day {word!r}; there are: {', '.join(_WORDS)}")
        days += _WORDS[word]
    return tuple(dict.fromkeys(days))


def _expected(text: str) -> str:
    return f"expected hours such as 'workday 08:30-17:30; sat 09:00-12:00', got {text!r}"
