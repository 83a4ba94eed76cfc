"""Parts of a JSON file that the agent itself wrote: of the kind that it wrote, or a ValueError.

By hand: the models that check configuration take megabytes, and a running gateway checks none.
"""

from typing import TypeVar, cast

_Kind = TypeVar("_Kind")


def object_of(given: object) -> dict[str, object]:
    """Return an object with its keys."""
    return cast("dict[str, object]", _of(dict, given))


def list_of(given: object) -> list[object]:
    """Return a list."""
    return cast("list[object]", _of(list, given))


def text_of(given: object) -> str:
    """Return a text."""
    return _of(str, given)


def truth_of(given: object) -> bool:
    """Return true or false."""
    return _of(bool, given)


def whole_of(given: object) -> int:
    """Return a whole number from 0."""
    number = _of(int, given)
    if isinstance(given, bool) or number < 0:
        raise ValueError(f"expected a whole number from 0, got {given!r}")
    return number


def maybe_whole_of(given: object) -> int | None:
    """Return a whole number from 0, or nothing."""
    return None if given is None else whole_of(given)


def _of(kind: type[_Kind], given: object) -> _Kind:
    if not isinstance(given, kind):
        # It is what a file says, not what a caller passed.
        raise ValueError(f"expected {kind.__name__}, got {given!r:.80}")  # noqa: TRY004
    return given
