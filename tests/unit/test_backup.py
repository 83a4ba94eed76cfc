"""Backups without a running server: what is whole, what is refused, and what is shared."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.__main__ import cli
from server.backup.manifest import read_manifest
from server.core.attachments import Attachments
from server.history.database import LAYOUT
from server.history.duckdb import DuckHistory
from tests.databases import migrated_database
from tests.unit.test_history_duckdb import DAY, NOON, rows

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = "{name: h, url: 'http://127.0.0.1:9/', secret_file: secrets/hook}"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def done(*words: str | Path) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str | Path) -> str:
    result = call(*words)
    assert result.exit_code == 1, result.output
    return result.output


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server with three past days, one of today, and a secret."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "hook").write_text(SECRET)
    (folder / "secrets" / "hook").chmod(0o600)
    file = folder / "server.yaml"
    file.write_text(f"data_dir: data\nmessages: {{webhooks: [{HOOK}]}}\n")
    (folder / "data").mkdir()
    migrated_database(folder / "data" / "records.sqlite")
    fill(folder / "data" / "history", 0, 3)
    return folder


@pytest.fixture
def file(old: Path, tmp_path: Path) -> Path:
    """The file of such a server, which is the test's own."""
    return shutil.copytree(old, tmp_path / "old") / "server.yaml"


def fill(folder: Path, first: int, end: int) -> None:
    history = DuckHistory(folder)
    for day in range(first, end):
        history.append(rows(50, at=NOON + day * DAY, series=7))
    history.maintain(NOON + end * DAY)
    history.close()


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the clock by which backups are named."""

    def at(ms: int) -> None:
        monkeypatch.setattr("server.backup_commands.SystemClock", lambda: Fixed(ms))

    at(NOON + 10 * DAY)
    return at


class Fixed:
    def __init__(self, ms: int) -> None:
        self._ms = ms

    def now_ms(self) -> int:
        return self._ms


def stored(folder: Path) -> list[int]:
    history = DuckHistory(folder / "data" / "history")
    found = [row.taken_at for row in history.raw(7, 0, NOON * 2, 10_000)]
    history.close()
    return found


def the_backup(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_what_was_backed_up_is_there_on_an_empty_machine(file: Path, tmp_path: Path) -> None:
    with sqlite3.connect(file.parent / "data" / "records.sqlite") as records:
        records.execute("INSERT INTO sites (id, key) VALUES (5, 'east')")
    before = stored(file.parent)
    output = done("backup", file, tmp_path / "backups")
    assert "as everything was at" in output
    shutil.rmtree(file.parent)
    new = tmp_path / "empty" / "machine" / "server.yaml"
    new.parent.mkdir(parents=True)
    output = done("restore", new, tmp_path / "backups")
    assert f"now     plantroom server run {new}" in output
    assert (new.parent / "secrets" / "hook").read_text() == SECRET
    assert (new.parent / "secrets" / "hook").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(new.parent / "data" / "records.sqlite") as records:
        assert records.execute("SELECT id, key FROM sites").fetchall() == [(5, "east")]
    assert len(before) == 3
    assert stored(new.parent) == before


@pytest.mark.long
def test_only_what_is_new_takes_space(
    file: Path, tmp_path: Path, instant: Callable[[int], None]
) -> None:
    backups = tmp_path / "backups"
    done("backup", file, backups)
    fill(file.parent / "data" / "history", 3, 5)
    instant(NOON + 11 * DAY)
    assert "3 shared with the backup before" in done("backup", file, backups)
    first, second = sorted(backups.iterdir())
    shared = [one.name for one in first.rglob("*.parquet")]
    assert all((first / "history" / name).samefile(second / "history" / name) for name in shared)
    instant(NOON + 12 * DAY)
    assert "shared" not in done("backup", file, backups, "--whole", "--keep", "2")
    assert len(list(backups.iterdir())) == 2
    assert not first.exists()
    instant(NOON + 13 * DAY)
    done("backup", file, backups)
    assert len(stored(file.parent)) == 5


def test_a_disk_without_hard_links_takes_copies(
    file: Path, tmp_path: Path, instant: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    done("backup", file, tmp_path / "backups")
    instant(NOON + 11 * DAY)
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if "backups" in str(target):
            raise OSError(1, "Operation not permitted")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)
    done("backup", file, tmp_path / "backups")
    first, second = sorted((tmp_path / "backups").iterdir())
    for path in first.rglob("*.parquet"):
        assert (second / "history" / path.name).read_bytes() == path.read_bytes()


def test_an_interrupted_backup_is_none(file: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    done("backup", file, backups)
    whole = the_backup(backups)
    torn = whole.rename(whole.with_name(f"{whole.name}.partial"))
    output = refused("restore", tmp_path / "server.yaml", backups)
    assert f"there is no backup; {torn.name} was interrupted" in output
    (torn / "manifest.json").unlink()
    whole = torn.rename(backups / "20260101T000000Z")
    assert "is no whole backup" in refused("restore", tmp_path / "server.yaml", whole)
    whole.rename(torn)
    assert f"deleted {torn.name}, which was interrupted" in done("backup", file, backups)


@pytest.mark.parametrize("name", ["records.sqlite", "history/2024-10-04.parquet"])
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    file: Path, tmp_path: Path, name: str
) -> None:
    done("backup", file, tmp_path / "backups")
    path = the_backup(tmp_path / "backups") / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    new = tmp_path / "new" / "server.yaml"
    output = refused("restore", new, tmp_path / "backups")
    assert f"{path} is damaged" in output
    path.unlink()
    assert "is not whole" in refused("restore", new, tmp_path / "backups")
    assert not new.parent.exists()


def test_a_place_that_is_not_empty_is_refused(file: Path, tmp_path: Path) -> None:
    with sqlite3.connect(file.parent / "data" / "records.sqlite") as records:
        records.execute("INSERT INTO sites (id, key) VALUES (5, 'east')")
    done("backup", file, tmp_path / "backups")
    assert "there are records already" in refused("restore", file, tmp_path / "backups")
    (file.parent / "data" / "records.sqlite").unlink()
    output = refused("restore", file, tmp_path / "backups")
    assert "history is not empty (2024-10-04.parquet, 2024-10-05.parquet, " in output
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "pump.jpg").touch()
    assert "holds something else (pump.jpg)" in refused("backup", file, tmp_path / "photos")


def test_a_server_file_that_is_there_says_where(file: Path, tmp_path: Path) -> None:
    done("backup", file, tmp_path / "backups")
    new = tmp_path / "new"
    (new / "secrets").mkdir(parents=True)
    (new / "secrets" / "hook").write_text(SECRET[::-1])
    (new / "server.yaml").write_text(f"data_dir: elsewhere\nmessages: {{webhooks: [{HOOK}]}}\n")
    output = done("restore", new / "server.yaml", tmp_path / "backups")
    assert "secrets/hook, which says something else than that of the backup" in output
    assert (new / "secrets" / "hook").read_text() == SECRET[::-1]
    assert (new / "elsewhere" / "records.sqlite").exists()


@pytest.mark.long
def test_a_restore_that_was_interrupted_is_repeated_before_a_server_starts(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("backup", file, tmp_path / "backups")
    new = tmp_path / "new" / "server.yaml"
    new.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("server.backup.restore._put_records", fail)
        assert "No space left" in refused("restore", new, tmp_path / "backups")
    output = refused("run", new)
    assert "a restore was interrupted" in output
    done("restore", new, tmp_path / "backups")
    assert stored(new.parent) == stored(file.parent)


def fail(*_: object) -> None:
    raise OSError(28, "No space left on device", "records.sqlite")


def test_a_backup_of_a_newer_program_is_refused(file: Path, tmp_path: Path) -> None:
    done("backup", file, tmp_path / "backups")
    backup = the_backup(tmp_path / "backups")
    text = (backup / "manifest.json").read_text()
    schema = read_manifest(backup).records_schema
    new = tmp_path / "server.yaml"
    for old, other, said in (
        ('"format": 1', '"format": 2', "is a backup of format 2, this Plantroom reads 1"),
        (f'"records_schema": "{schema}"', '"records_schema": "9000"', "have schema 9000"),
        (
            f'"history_layout": {LAYOUT}',
            '"history_layout": 99',
            "has layout 99, this Plantroom reads",
        ),
    ):
        assert old in text
        (backup / "manifest.json").write_text(text.replace(old, other))
        assert said in refused("restore", new, backup)


def test_records_of_a_newer_program_are_refused_with_what_to_do(file: Path) -> None:
    with sqlite3.connect(file.parent / "data" / "records.sqlite") as records:
        records.execute("UPDATE alembic_version SET version_num = '9000'")
    output = refused("run", file)
    assert "have schema 9000, which a newer Plantroom has made" in output
    assert "Install the newer one again" in output


def test_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("data_dir: data\n")
    assert "nothing to back up" in refused("backup", file, tmp_path / "backups")
    assert not (tmp_path / "data").exists()


def test_attachments_come_back(file: Path, tmp_path: Path) -> None:
    name = Attachments(file.parent / "data").keep(b"a photo", thumbnail=b"small")
    done("backup", file, tmp_path / "backups")
    new = tmp_path / "new" / "server.yaml"
    done("restore", new, tmp_path / "backups")
    back = Attachments(new.parent / "data")
    assert (back.read(name), back.read(name, thumbnail=True)) == (b"a photo", b"small")
