"""Public holidays and make-up workdays of mainland China. The only importer of ``holidays``.

The State Council names the make-up workdays of a year in the autumn before it. Until the library
knows them, a future year has the holidays of the law and ordinary weekends.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from holidays.countries.china import CN

IsWorkday = Callable[[date], bool]
"""Says whether people work on that date."""


def is_workday(day: date) -> bool:
    """Return whether mainland China works on that date."""
    return day not in _days_off(day.year)


@cache
def _days_off(year: int) -> frozenset[date]:
    calendar = CN(years=year)
    first = date(year, 1, 1)
    days = (first + timedelta(n) for n in range(366))
    return frozenset(day for day in days if day.year == year and not calendar.is_working_day(day))
