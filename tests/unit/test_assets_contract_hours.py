"""Hours of a contract as people write them in a cell."""

import pytest

from server.assets.contract_hours import parse_hours


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("08:00-18:00", [((), "08:00", "18:00")]),
        ("workday 8:30-17:30", [(("workday",), "08:30", "17:30")]),
        (
            "mon, tue 08:00 - 20:00; Sat 09:00-12:00",
            [(("mon", "tue"), "08:00", "20:00"), (("sat",), "09:00", "12:00")],
        ),
        (
            "工作日 8:30至17:30；周六、周日 09:00~12:00",  # noqa: RUF001 (as people type)
            [(("workday",), "08:30", "17:30"), (("sat", "sun"), "09:00", "12:00")],
        ),
        ("每天20:00-06:00", [((), "20:00", "06:00")]),
    ],
)
def test_hours_are_read(text: str, shifts: list[tuple[tuple[str, ...], str, str]]) -> None:
    found = parse_hours(text)
    assert [(one.days, one.start, one.end) for one in found.shifts] == shifts


@pytest.mark.parametrize(
    "text", ["", ";", "always", "08:00", "25:00-26:00", "08:60-09:00", "moon 08:00-09:00", "8-18"]
)
def test_what_says_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected hours|no day"):
        parse_hours(text)
