"""What the chaos run sets up: one class of points, three people, where their messages go."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

DELAY_MS = {"trip": 0, "slow": 2000, "blip": 60_000}
"""Points and the on-delays of their alarms; each point goes on once."""
POINTS = list(DELAY_MS)
BOARD = "board"
"""A receiver that hears of every incident, whoever is on duty."""
FIRST_RETRY_MS = 1000
GONE = "li-old"
"""A channel that refuses everything: whoever has it first is reached by the next one."""


class Step(NamedTuple):
    """One step of the policy: one person each."""

    number: int
    after_ms: int
    person: str


STEPS = (Step(1, 0, "wang"), Step(2, 3000, "li"), Step(3, 8000, "zhao"))
HOOKS = (*(step.person for step in STEPS), BOARD)
_WORDS = {"en": "Chaos", "zh": "混乱"}


def _rule(point: str, delay_ms: int) -> dict[str, object]:
    return {
        "name": {"en": point, "zh": "报警"},
        "condition": {"kind": "state", "point": point, "equals": True},
        "severity": "high",
        "cause": point,
        "on_delay_s": delay_ms / 1000,
    }


CLASS = {
    "class": "chaos",
    "name": _WORDS,
    "trade": "heating",
    "points": {point: {"name": _WORDS, "kind": "state"} for point in POINTS},
    "rules": {point: _rule(point, delay) for point, delay in DELAY_MS.items()},
}
PEOPLE: dict[str, dict[str, object]] = {
    "persons/wang": {"name": "Wang", "channels": [{"channel": "wang"}]},
    "persons/li": {"name": "Li", "channels": [{"channel": GONE}, {"channel": "li"}]},
    "persons/zhao": {"name": "Zhao", "channels": [{"channel": "zhao"}]},
    "rosters/all": {
        "name": "All",
        "shifts": [{"start": "08:00", "end": "08:00", "persons": ["wang"]}],
    },
    "escalation-policies/chaos": {
        "steps": [
            {"after_s": 0, "who": ["on_duty"]},
            *(
                {"after_s": step.after_ms / 1000, "who": [f"person:{step.person}"]}
                for step in STEPS[1:]
            ),
        ]
    },
}


def write_files(
    folder: Path,
    *,
    broker_port: int,
    http_port: int,
    url: str,
    secret: str,
    stores: Mapping[str, object],
) -> Path:
    """Write the server file and what it names; return its path."""
    (folder / "secret").write_text(secret)
    (folder / "password").write_text("correct horse battery")
    (folder / "classes").mkdir()
    (folder / "classes" / "chaos.yaml").write_text(yaml.safe_dump(CLASS))
    common = {"secret_file": "secret", "allow_private": True}
    severities = {BOARD: ["urgent", "high", "medium", "low"]}
    hooks: list[dict[str, object]] = [
        {"name": name, "url": f"{url}/{name}", "severities": severities.get(name, []), **common}
        for name in (*HOOKS, GONE)
    ]
    settings: dict[str, object] = {
        "mqtt": {"port": broker_port},
        "http": {"port": http_port},
        "class_files": "classes",
        "alarms": {"flood_starts": 1_000_000},
        "messages": {"webhooks": hooks, "first_retry_s": FIRST_RETRY_MS / 1000},
        **stores,
    }
    path = folder / "server.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path
