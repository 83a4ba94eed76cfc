"""The search for slaves by secondary addresses with wildcards (pure).

Select what it wants and ask for data. Where several slaves answer, the first open digit of the
identification is tried with each of its values.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from protocols.mbus.addresses import ID_DIGITS, WILD_DIGIT, SecondaryAddress
from protocols.wildcard_search import WildcardSearch

_DECIMAL: Final = "0123456789"


def slave_search(
    within: SecondaryAddress | None = None, *, digits: str = _DECIMAL
) -> WildcardSearch[SecondaryAddress]:
    """Return the search of a line.

    Args:
        within: Where to look.
        digits: What a digit of an identification may be; some slaves have letters A to E.
    """

    def closer(tried: SecondaryAddress) -> Sequence[SecondaryAddress]:
        if not tried.is_wild:
            return ()
        before, _, after = tried.identification.partition(WILD_DIGIT)
        return [replace(tried, identification=before + digit + after) for digit in digits]

    start = within or SecondaryAddress(WILD_DIGIT * ID_DIGITS)
    return WildcardSearch(start, closer=closer, fits=SecondaryAddress.selects)
