"""Until when the builder repairs what is wrong in a room; pure."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date

from config.work_orders import RoomWarrantySettings


def warranty_until(
    trade: str,
    *,
    moved_in: str | None,
    agreed: Mapping[str, str] | None,
    settings: RoomWarrantySettings,
) -> str | None:
    """Return the last day of a trade's warranty, YYYY-MM-DD; None: there is none.

    Args:
        trade: Whose work it is.
        moved_in: Day on which the room was handed to its resident.
        agreed: Last day by trade where another one was agreed on; goes before what follows from it.
        settings: How long it is otherwise.
    """
    until = (agreed or {}).get(trade)
    if until is not None:
        return until
    months = settings.months(trade)
    if moved_in is None or months == 0:
        return None
    return _months_after(date.fromisoformat(moved_in), months).isoformat()


def _months_after(day: date, months: int) -> date:
    """Return the same day so many months later; of a shorter month its last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
