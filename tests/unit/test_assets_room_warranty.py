"""Until when the builder repairs what is wrong in a room."""

import pytest

from config.work_orders import RoomWarrantySettings
from server.assets.room_warranty import warranty_until

LAW = RoomWarrantySettings()


@pytest.mark.parametrize(
    ("moved_in", "months", "until"),
    [
        ("2025-03-01", 24, "2027-03-01"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2025-10-31", 1, "2025-11-30"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2025-12-01", 1, "2026-01-01"),
        ("2025-12-01", 0, None),
        (None, 24, None),
        ("9999-06-01", 1200, "9999-12-31"),
    ],
)
def test_it_ends_on_the_same_day_so_many_months_later(
    moved_in: str | None, months: int, until: str | None
) -> None:
    settings = RoomWarrantySettings(plumbing=months)
    found = warranty_until("plumbing", moved_in=moved_in, agreed=None, settings=settings)
    assert found == until


def test_what_was_agreed_on_goes_before_it_for_its_trade_only() -> None:
    agreed = {"building": "2030-03-01", "plumbing": "2026-01-01"}

    def until(trade: str, moved_in: str | None = "2025-03-01") -> str | None:
        return warranty_until(trade, moved_in=moved_in, agreed=agreed, settings=LAW)

    assert until("building") == "2030-03-01"
    assert until("plumbing") == "2026-01-01"
    assert until("heating") == "2027-03-01"
    assert until("building", None) == "2030-03-01"
    assert until("heating", None) is None
