"""Whole numbers in JSON that a browser does not round.

JavaScript reads every number as a float64: from 2**53 on neighbours become one. What is beyond is
written as a string of its decimal digits, in everything that leaves as JSON.
"""

from typing import Any, Final

MOST_EXACT: Final = 2**53 - 1
"""JavaScript's Number.MAX_SAFE_INTEGER."""
_AS_IT_IS: Final = frozenset({str, bool, float, type(None)})


def exact_value(value: Any) -> Any:  # noqa: ANN401 (whatever JSON can carry)
    """Return a value as it may stand in JSON: a whole number beyond the exact ones as text."""
    if type(value) is int and not -MOST_EXACT <= value <= MOST_EXACT:
        return str(value)
    return value


def exact(data: Any) -> Any:  # noqa: ANN401 (whatever JSON can carry)
    """Return objects and lists with all their values as they may stand in JSON."""
    if type(data) is int:
        return exact_value(data)
    # Nearly all of what is in an object needs nothing; a call for each would cost more than JSON.
    if isinstance(data, dict):
        return {  # pyright: ignore[reportUnknownVariableType]
            key: value if type(value) in _AS_IT_IS else exact(value)  # pyright: ignore[reportUnknownArgumentType]
            for key, value in data.items()  # pyright: ignore[reportUnknownVariableType]
        }
    if isinstance(data, list | tuple):
        return [value if type(value) in _AS_IT_IS else exact(value) for value in data]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return data
