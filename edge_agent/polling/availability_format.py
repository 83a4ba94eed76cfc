"""What is known of devices as JSON, and back (pure)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from config.coding import Table
from edge_agent.drivers.question import Space
from edge_agent.kept_json import list_of, object_of, text_of, whole_of
from edge_agent.polling.bisection import UNKNOWN

VERSION: Final = 1
_IDENTIFIER: Final = "identifier"
_BARRIER_PARTS: Final = 3
_BarrierRow = tuple[Space, int, str]


@dataclass(frozen=True)
class Entry:
    """One device.

    Attributes:
        digest: Of its points, for which this was found.
        points: Name to the reason for which it is not given.
        barriers: Space, address, why.
        longest: Longest request that is answered; 0: not known.
    """

    digest: str
    points: dict[str, str] = field(default_factory=dict[str, str])
    barriers: list[_BarrierRow] = field(default_factory=list[_BarrierRow])
    longest: int = 0


def written(entries: Mapping[str, Entry]) -> str:
    """Return everything that is known as JSON."""
    devices = {name: asdict(one) for name, one in sorted(entries.items())}
    return json.dumps({"version": VERSION, "devices": devices}, indent=1, ensure_ascii=False)


def read(text: str) -> dict[str, Entry]:
    """Return what ``written`` wrote, or the version before it.

    Raises:
        ValueError: It is neither.
    """
    found = object_of(json.loads(text))
    if found.keys() == {"version", "devices"}:
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']!r} is not {VERSION}")
        return {name: _entry(one) for name, one in object_of(found["devices"]).items()}
    return {name: _entry_before(one) for name, one in found.items()}


def _entry(given: object) -> Entry:
    one = _closed(given, wanted={"digest"}, known={"digest", "points", "barriers", "longest"})
    return Entry(
        digest=text_of(one["digest"]),
        points=_reasons(one.get("points", {})),
        barriers=[_barrier(row) for row in list_of(one.get("barriers", []))],
        longest=whole_of(one.get("longest", 0)),
    )


def _entry_before(given: object) -> Entry:
    """Return one device of a file without a version; the oldest know no reasons and no length."""
    wanted = {"points", "holes", "barriers"}
    one = _closed(given, wanted=wanted, known={*wanted, "reasons", "longest"})
    reasons = one.get("reasons")
    missing = UNKNOWN if reasons is None else "illegal_address"
    holes = [text_of(name) for name in list_of(one["holes"])]
    return Entry(
        digest=text_of(one["points"]),
        points=dict.fromkeys(holes, missing) | ({} if reasons is None else _reasons(reasons)),
        barriers=[_barrier([*list_of(row), UNKNOWN]) for row in list_of(one["barriers"])],
        longest=whole_of(one.get("longest", 0)),
    )


def _barrier(given: object) -> _BarrierRow:
    row = list_of(given)
    if len(row) != _BARRIER_PARTS:
        raise ValueError(f"expected space, address and reason, got {row!r}")
    space, address, why = row
    place: Space = "identifier" if space == _IDENTIFIER else Table(text_of(space))
    return place, whole_of(address), text_of(why)


def _closed(given: object, *, wanted: set[str], known: set[str]) -> dict[str, object]:
    one = object_of(given)
    if not wanted <= one.keys() <= known:
        raise ValueError(f"expected the keys {sorted(known)}, got {sorted(one)}")
    return one


def _reasons(given: object) -> dict[str, str]:
    return {name: text_of(why) for name, why in object_of(given).items()}
