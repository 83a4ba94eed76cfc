"""What linkages know over a restart, on a disk that may refuse or be damaged."""

import json
from pathlib import Path

import pytest

from edge_agent.linkages.state import Memory, State
from edge_agent.linkages.store import LinkageFile

MEMORIES = {
    "a": Memory(
        State.RUNNING, latched=True, runs=3, run_times=[1, 2], run_key="k", results=["done"]
    ),
    "b": Memory(),
    "c": Memory(State.DONE, dry=True, given="close", began_at=5, ended_at=7),
}

WRONG = [
    json.dumps({"a": {name: value}})
    for name, value in {
        "latched": 1,
        "runs": True,
        "run_times": [1, "x"],
        "results": {},
        "began_at": -1,
        "state": None,
    }.items()
]


async def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.linkages.json"
    assert LinkageFile(path).load() == {}
    await LinkageFile(path).save(MEMORIES)
    assert LinkageFile(path).load() == MEMORIES
    assert not path.with_name(f"{path.name}.new").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": 1}', '{"a": {"state": "dancing"}}', "\x00", *WRONG]
)
def test_a_damaged_file_is_said_and_forgotten(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "linkages.json"
    path.write_text(text)
    assert LinkageFile(path).load() == {}
    assert "linkages_unreadable" in capsys.readouterr().out


async def test_a_disk_that_refuses_is_said_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LinkageFile(tmp_path / "missing" / "linkages.json")
    await store.save(MEMORIES)
    await store.save(MEMORIES)
    assert capsys.readouterr().out.count("linkages_not_kept") == 1
    (tmp_path / "missing").mkdir()
    await store.save(MEMORIES)
    assert store.load() == MEMORIES


def test_what_a_later_version_added_is_passed_over_and_what_an_earlier_one_lacks_is_new(
    tmp_path: Path,
) -> None:
    path = tmp_path / "linkages.json"
    path.write_text('{"a": {"state": "done", "runs": 2, "mood": "good"}}')
    assert LinkageFile(path).load() == {"a": Memory(State.DONE, runs=2)}
