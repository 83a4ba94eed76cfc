"""What a total has grown by (pure).

A totalizer wraps at its raw width, or starts again from 0 when it is replaced or reset. Its value
is reported as the device has it; what it counted in between is never negative:

    grown                           after - before
    fell, and wraps within reach    after - before + wraps_at
    fell otherwise                  after: it was reset, and has counted that much since
"""

_REACH = 0.5
"""A wrap is believed when it means less than this part of the whole range: nothing counts faster
than that between two reports, and a reset seldom happens just below the top."""


def grown(before: float, after: float, *, wraps_at: float | None) -> float:
    """Return what was counted between two values of a totalizer, 0 or more.

    Args:
        before: The earlier value, in the point's unit.
        after: The later value.
        wraps_at: Where the total starts again from 0; None where that is unknown.
    """
    if after >= before:
        return after - before
    if wraps_at is not None and before <= wraps_at:
        through_the_top = after - before + wraps_at
        if through_the_top < _REACH * wraps_at:
            return through_the_top
    return max(0.0, after)
