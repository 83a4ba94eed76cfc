"""Reads the recipe of an image."""

from pathlib import Path


def instructions_of(path: Path) -> list[tuple[str, str]]:
    """Return its instructions, each with what it says in one line."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    parts = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(name, " ".join(words.split())) for name, _, words in parts]
