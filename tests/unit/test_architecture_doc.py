"""docs/architecture.md is true: each path that it names exists, each room has a sentence."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/architecture.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"`([\w./]+(?:/|\.py|\.md|\.toml))`", TEXT)))
ROOMS = ("edge_agent", "server", "server/alarms")


def test_each_path_exists() -> None:
    assert len(PATHS) > 50
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", ROOMS)
def test_each_room_has_a_sentence(folder: str) -> None:
    rooms = [init.parent.relative_to(ROOT) for init in (ROOT / folder).glob("*/__init__.py")]
    assert rooms
    assert [str(room) for room in rooms if f"| `{room}/` | " not in TEXT] == []
