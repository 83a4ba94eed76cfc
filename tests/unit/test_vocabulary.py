"""The words of the code are the field's: none of the private ones comes back."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.source_files import source_files

ROOT = Path(__file__).parents[2]
WORDS = {
    "asker": "request runner",
    "complaint": "availability log, error",
    "deaf": "disconnected",
    "demoted": "backed off",
    "era": "clock epoch",
    "fate": "delivery status",
    "fleet": "port manager",
    "flip": "transition",
    "guarded": "expression rule",
    "harvest": "result",
    "hiding": "suppression",
    "inquiry": "availability",
    "intake": "decoded batch",
    "lesson": "availability",
    "misfit": "conflict",
    "owed": "outstanding, deferred",
    "parted": "split",
    "poison": "isolated error",
    "promoted": "enabled",
    "purse": "budget, rate limiter",
    "rehearsal": "warm-up",
    "rehearse": "warm up",
    "ripe": "due",
    "salvage": "recovery",
    "suspect": "sample to evaluate",
    "unsure": "outcome unknown",
    "verdict": "outcome",
    "vitals": "unit health",
}
"""Private word -> what the field says instead."""

_FORMS = {form: word for word in WORDS for form in (word, f"{word}s", f"{word}d")}
_RUN = re.compile("[a-z]+")
_ROOMS = ("config", "edge_agent", "plantroom", "protocols", "server", "simulators", "tests", "docs")
_ALLOWED = re.compile(
    r"docs/adr/|server/migrations/|node_modules/|tests/cases/|tests/unit/test_vocabulary\.py"
    # Earlier names that are understood, or stand in files of earlier versions.
    r"|edge_agent/journal/(clock_epochs|file|recovery|schema)\.py|server/core/isolation\.py"
    r"|tests/contract/test_migrations\.py|tests/e2e/test_server_takeover\.py"
    r"|tests/unit/test_(core_sweeps|journal_provisional|journal_takeover)\.py"
)


def _files() -> list[Path]:
    files = [ROOT / "README.md"]
    for room in _ROOMS:
        files += source_files(ROOT / room, ".py", ".md")
    return [file for file in files if not _ALLOWED.search(file.relative_to(ROOT).as_posix())]


def _private(text: str) -> Iterator[str]:
    """Yield the private words of a text; ``fateOf``, ``HoleMemory`` and so on are two words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return (_FORMS[run] for run in _RUN.findall(apart) if run in _FORMS)


def _lines(file: Path) -> Iterator[str]:
    text = file.read_text("utf-8")
    if any(_private(text)):
        for number, line in enumerate(text.splitlines(), 1):
            for word in _private(line):
                yield f"{file.relative_to(ROOT)}:{number}: {word} -> {WORDS[word]}"


def test_a_private_word_is_found_wherever_it_stands() -> None:
    assert list(_private("fateOf(HIDING) of_purses, eras suspected")) == [
        "fate",
        "hiding",
        "purse",
        "era",
    ]


def test_no_private_word_comes_back() -> None:
    assert [line for file in _files() for line in _lines(file)] == []
