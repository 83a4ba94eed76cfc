"""The search for meters by addresses whose leading pairs of digits are the wildcard AA (pure).

Where several meters answer, the last open pair of digits is tried with each of its values: the last
digits of meters on one line are mostly different.
"""

from collections.abc import Sequence
from typing import Final

from protocols.dlt645.frames import ANY, address_fits
from protocols.wildcard_search import WildcardSearch

_WILD: Final = "AA"
_PAIRS: Final = tuple(f"{number:02}" for number in range(100))


def meter_search(within: str = ANY) -> WildcardSearch[str]:
    """Return the search of a line; ``within`` says where to look: AAAAAAAAAA12."""
    return WildcardSearch(within, closer=_closer, fits=address_fits)


def _closer(tried: str) -> Sequence[str]:
    at = tried.rfind(_WILD)
    if at < 0:
        return ()
    return [tried[:at] + pair + tried[at + len(_WILD) :] for pair in _PAIRS]
