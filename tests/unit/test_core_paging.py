"""Cursors: every key of a page can be the last one, and nothing else is a cursor."""

import base64

import pytest

from server.core.paging import decode_cursor, encode_cursor
from server.core.problem import FieldError


@pytest.mark.parametrize(
    "key", ["garden", "花园\u3000一期", "a\u00a0b", "tab\tbed", "👩\u200d🔧", "", 'quote"\\']
)
def test_every_key_can_be_the_last_of_a_page(key: str) -> None:
    assert decode_cursor(encode_cursor(key), str) == key


@pytest.mark.parametrize("text", [r'"\ud800"', r'"\u0000"', '"no end', "1.5", "[]", "-1"])
def test_what_no_page_gives_is_refused(text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(FieldError):
        decode_cursor(cursor, int if text == "-1" else str)
