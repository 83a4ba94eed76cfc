"""Commands are imported when they are called, and what is imported stays."""

import gc
import subprocess
import sys

import click
import pytest

from config.lazy_group import LazyGroup, Place


def test_what_a_command_imports_is_never_looked_at_for_garbage_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "config.valve_codes", raising=False)
    collects, before = gc.isenabled(), gc.get_freeze_count()
    group = LazyGroup("files", places={"valves": Place("config.valve_codes:load_valve_codes", "")})
    assert group.get_command(click.Context(group), "valves") is not None
    frozen = gc.get_freeze_count()
    assert frozen > before
    group.get_command(click.Context(group), "valves")
    assert gc.get_freeze_count() == frozen
    assert gc.isenabled() is collects


@pytest.mark.long
def test_a_program_that_ends_says_nothing_about_leaks() -> None:
    command = [sys.executable, "-m", "plantroom", "server", "history", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
