"""The dashboard's sources: words in both languages, pinned packages, no markup from text."""

import json
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import pytest

from config.classes import Severity, Trade
from protocols.reading import Quality
from server.access.rights import Reach
from server.access.roles import Permission, Role
from server.alarms.state import AlarmState
from server.api.steps import Verb
from server.commands.service import CommandState
from server.dashboard import build
from server.plans.machine import StepState
from server.workorders.states import OrderState, WaitReason

FOLDER = Path(build.__file__).parent
SOURCES = sorted((FOLDER / "src").rglob("*.*"))


def words(language: str, group: str) -> set[str]:
    folder = FOLDER / "src" / "i18n"
    files = (folder / f"{language}.ts", folder / f"management.{language}.ts")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    found = re.search(rf"^  {group}: \{{(.*?)\}},$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, group
    return set(re.findall(r'"?([\w-]+)"?: "', found.group(1)))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("severity", Severity),
        ("alarm", AlarmState),
        ("order", OrderState),
        ("verb", Verb),
        ("reason", WaitReason),
        ("role", Role),
        ("permission", [one.replace(".", "_") for one in Permission]),
        ("reach", [one for one in Reach if one is not Reach.NONE]),
        ("planstep", StepState),
        ("commandstate", CommandState),
        ("trade", Trade),
        ("quality", [one.name.lower() for one in Quality]),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_server_says_nothing_that_the_dashboard_cannot_translate(
    language: str, group: str, said: Iterable[StrEnum | str]
) -> None:
    assert {str(one) for one in said} <= words(language, group)


def test_text_of_devices_never_becomes_markup() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|v-html", text), path


def test_nothing_of_the_page_is_inline_or_from_elsewhere() -> None:
    html = (FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", html)
    for path in SOURCES:
        if path.name != "schema.gen.ts":
            assert not re.search(r"https?://", path.read_text(encoding="utf-8")), path


def test_packages_are_pinned_and_the_lock_names_no_registry() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    for path, package in lock["packages"].items():
        assert "resolved" not in package, path
        assert not path or "integrity" in package, path


def test_a_build_is_up_to_date_until_a_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.ts").write_text("1")
    monkeypatch.setattr(build, "HERE", tmp_path)
    before = build.sources_digest()
    (tmp_path / "src" / "a.spec.ts").write_text("a test is not part of it")
    assert build.sources_digest() == before
    (tmp_path / "src" / "a.ts").write_text("2")
    assert build.sources_digest() != before


def test_an_unknown_argument_of_the_build_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["biuld"]) == 1
    assert "allowed are: npm" in capsys.readouterr().err


def test_the_build_needs_the_standard_library_alone() -> None:
    text = Path(build.__file__).read_text()
    assert not re.search(r"^(?:from|import) (?:server|config|plantroom)\b", text, re.MULTILINE)
