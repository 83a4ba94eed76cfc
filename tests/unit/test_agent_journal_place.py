"""A gateway that can keep nothing does not start as if it could."""

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from edge_agent.errors import JournalError
from edge_agent.journal_place import refuse_hopeless_place
from tests.fakes.full_disk import full_disk


def test_a_file_in_place_of_a_folder_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "journal.sqlite"
    with pytest.raises(JournalError, match=f"{path}: Not a directory"):
        refuse_hopeless_place(path)


def test_a_folder_in_place_of_the_file_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=f"{tmp_path} is a folder; set journal.path"):
        refuse_hopeless_place(tmp_path)


def test_a_folder_that_is_not_there_yet_is_made_by_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "journal.sqlite"
    refuse_hopeless_place(path)
    assert not path.parent.exists()


def test_a_full_disk_is_no_mistake(tmp_path: Path) -> None:
    with full_disk():
        refuse_hopeless_place(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "existing", "ends"),
    [
        (errno.EROFS, False, True),
        (errno.EROFS, True, False),
        (errno.EACCES, True, True),
        (errno.ENOSPC, False, False),
    ],
)
def test_a_journal_on_a_disk_that_turned_read_only_is_a_fault_and_polling_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, existing: bool, ends: bool
) -> None:
    path = tmp_path / "journal.sqlite"
    if existing:
        path.touch()

    def refuse(dir: Path) -> NoReturn:  # noqa: A002 (the standard library's name)
        raise OSError(number, f"refused in {dir}")

    monkeypatch.setattr("edge_agent.journal_place.TemporaryFile", refuse)
    if not ends:
        assert refuse_hopeless_place(path) is None
        return
    with pytest.raises(JournalError, match=r"refused in .*set journal\.path"):
        refuse_hopeless_place(path)
