"""In which order a line is searched: the likely first (pure)."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

UNITS: Final = range(1, 248)


class Shown(Protocol):
    """Who is told how a search goes."""

    def note(self, text: str) -> None:
        """Take what is done or found."""
        ...

    def step(self, text: str) -> None:
        """Take what is asked at this moment; there are many."""
        ...


class Setting(NamedTuple):
    """How bytes are sent on a line."""

    baud: int
    parity: str

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}1"


# As shipped by most makers: 9600, without parity or as the standard wants it. A receiver at 8N1
# understands 8N2 as well.
LIKELY: Final = tuple(
    Setting(baud, parity)
    for parities in ("NE", "O")
    for baud in (9600, 19200, 4800, 38400, 115200, 2400, 57600, 1200)
    for parity in parities
)

_LOW: Final = range(1, 6)
_STAGES: Final = (range(6, 33), range(33, 101), range(101, 248))
_USUAL: Final = 2


def turns(
    settings: Sequence[Setting], units: Sequence[int] = UNITS
) -> Iterator[tuple[Setting, tuple[int, ...]]]:
    """Yield a setting and the units to ask at it.

    Low numbers at all settings, for new equipment; then all others at the usual settings, for
    equipment that somebody has numbered; then those at the other settings.
    """
    stages = [(_LOW, settings)]
    stages += [(stage, settings[:_USUAL]) for stage in _STAGES]
    stages += [(stage, settings[_USUAL:]) for stage in _STAGES]
    for stage, chosen in stages:
        asked = tuple(unit for unit in units if unit in stage)
        if asked:
            yield from ((setting, asked) for setting in chosen)
