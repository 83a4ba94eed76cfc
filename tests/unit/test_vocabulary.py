"""The words of the code are the field's: none of the private ones comes back."""

import re
from pathlib import Path

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

_ANY = re.compile(r"(?<![a-z])(" + "|".join(WORDS) + r")(?:s|d)?(?![a-z])")
_ROOMS = ("config", "edge_agent", "plantroom", "protocols", "server", "simulators", "tests", "docs")
_ALLOWED = re.compile(
    r"docs/adr/|server/migrations/|tests/cases/|tests/unit/test_vocabulary\.py"
    # Earlier names that are understood, or stand in files of earlier versions.
    r"|edge_agent/journal/(clock_epochs|file|recovery|schema)\.py|server/core/isolation\.py"
    r"|tests/contract/test_migrations\.py|tests/e2e/test_server_takeover\.py"
    r"|tests/unit/test_(core_sweeps|journal_provisional|journal_takeover)\.py"
)


def _files() -> list[Path]:
    files = [ROOT / "README.md"]
    for room in _ROOMS:
        files += (ROOT / room).rglob("*.py")
        files += (ROOT / room).rglob("*.md")
    return [file for file in files if not _ALLOWED.search(file.relative_to(ROOT).as_posix())]


def _words(text: str) -> str:
    """Return the text with the parts of names apart: ``fateOf``, ``HoleMemory`` and so on."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()


def test_no_private_word_comes_back() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {match[1]} -> {WORDS[match[1]]}"
        for file in _files()
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for match in _ANY.finditer(_words(line))
    ]
    assert found == []
