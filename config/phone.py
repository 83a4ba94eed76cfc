"""Telephone numbers as people write them (pure)."""

import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[\s()\-.]")
_MOBILE: Final = re.compile(r"^1[3-9]")
_MOBILE_DIGITS: Final = 11
_CHINA: Final = "86"
_INTERNATIONAL: Final = range(8, 16)  # digits after the plus, E.164
_OTHERS: Final = range(4, 14)  # an extension to a landline with its area code

_ALLOWED: Final = (
    "a telephone number: 11 digits of a mobile (13800138000), a landline with its area code "
    "(021-62345678), or + and the country's code (+8613800138000)"
)


def phone_problem(text: str) -> str:
    """Return what is wrong with a telephone number and what is allowed; empty when nothing is."""
    compact = _SEPARATORS.sub("", text)
    plus, digits = compact.startswith("+"), compact.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return f"expected {_ALLOWED}"
    count = f"{len(digits)} digits"
    if plus and digits.startswith(_CHINA):
        digits, plus = digits.removeprefix(_CHINA), False
        count = f"{len(digits)} digits after +86"
    if _MOBILE.match(digits) and len(digits) != _MOBILE_DIGITS:
        return f"expected {_ALLOWED}; a mobile has 11 digits, this has {count}"
    if len(digits) not in (_INTERNATIONAL if plus else _OTHERS):
        return f"expected {_ALLOWED}; this has {count}"
    return ""
