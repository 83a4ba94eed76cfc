"""The status page: no inline code, and every word of the server in both languages."""

import re
from enum import StrEnum
from importlib.resources import files

import pytest

from config.classes import Severity
from protocols.reading import Quality
from server.alarms.state import AlarmState
from server.api.steps import Verb
from server.core.auth import Role
from server.workorders.states import OrderState, WaitReason

PAGE = files("server") / "page"


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _words(language: str) -> dict[str, str]:
    text = _read("words.js")
    start = text.index(f"  {language}: {{")
    block = text[start : text.index("\n  },", start)]
    pairs = re.findall(r'"?([\w-]+)"?: "([^"]*)"', block)
    found = dict(pairs)
    assert len(found) == len(pairs), "a word stands there twice"
    return found


def test_both_languages_have_the_same_words() -> None:
    assert _words("en").keys() == _words("zh").keys()
    assert all(_words("zh").values())


@pytest.mark.parametrize(
    "words",
    [Severity, AlarmState, OrderState, Verb, WaitReason, Role],
    ids=lambda one: one.__name__,
)
def test_the_server_says_nothing_that_the_page_cannot_translate(words: type[StrEnum]) -> None:
    assert {str(word) for word in words} <= _words("zh").keys()


def test_qualities_have_words() -> None:
    known = _words("zh").keys()
    assert {one.name.lower() for one in Quality if one is not Quality.GOOD} <= known


def test_every_word_that_the_page_asks_for_is_there() -> None:
    asked = set(re.findall(r'data-word="([^"]+)"', _read("page.html")))
    asked |= set(re.findall(r'\bt\("([^"]+)"\)', _read("page.js")))
    assert asked
    assert asked <= _words("en").keys()


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    html = _read("page.html")
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)
    for name in ("page.html", "page.css", "page.js", "words.js"):
        assert not re.search(r"https?://|url\(", _read(name)), name


def test_text_of_devices_never_becomes_markup() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", _read("page.js")
    )
