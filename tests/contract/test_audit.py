"""The chain of the audit, on both databases: what fits, what does not, and who waits for whom."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.audit_commands import audit
from server.core.audit import Actor, AuditEntry, Verified, verify
from server.core.errors import AuditError, ConflictError
from server.core.records import Records, record_event
from server.core.schema import upgrade
from tests.databases import POSTGRES_MARKS, empty_database

TRIGGERS = {"sqlite": ("audit_update", "audit_delete"), "postgresql": ("audit_change",)}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=POSTGRES_MARKS)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    with empty_database(request.param, tmp_path) as url:
        upgrade(url)
        yield url


@pytest.fixture
def records(url: str) -> Generator[Records]:
    with Records.open(url) as records:
        yield records


def act(records: Records, number: int, by: str = "li") -> None:
    def change(session: Session) -> None:
        record_event(
            session,
            at=number,
            topic="alarms",
            kind="alarm.acknowledged",
            subject_id=number,
            by=by,
            payload={"words": "泵 \ud83d\udca7".encode("utf-16", "surrogatepass").decode("utf-16")},
        )

    records.acting(Actor(number, by, f"POST /alarms/{number}", "10.0.0.1", 1)).write(change)


def tamper(records: Records, statement: str) -> None:
    """As somebody does who owns the database."""
    name = records.engine.dialect.name
    with records.engine.begin() as connection:
        for trigger in TRIGGERS[name]:
            on = " ON audit" if name == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{on}"))
        connection.execute(text(statement))


def test_rows_fit_and_the_last_one_is_the_proof(records: Records) -> None:
    for number in range(1, 6):
        act(records, number)
    found = records.read(verify)
    assert found.rows == 5
    act(records, 6)
    assert records.read(lambda session: verify(session, expected=found)).rows == 6


def test_verifying_reads_page_by_page_and_keeps_no_row(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.core.audit._ROWS", 2)

    def kept(session: Session) -> tuple[int, int]:
        return verify(session).rows, len(session.identity_map)

    with Records.open(url) as records:
        for number in range(1, 6):
            act(records, number)
    with Records.open(url, read_only=True) as reader:  # as the command opens them
        assert reader.read(kept) == (5, 0)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET by = 'wang' WHERE id = 3", "row 3 does not fit"),
        ("UPDATE audit SET what = '[]' WHERE id = 2", "row 2 does not fit"),
        ("UPDATE audit SET hash = 'x' WHERE id = 3", "row 3 does not fit"),
        ("DELETE FROM audit WHERE id = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE id = 5", "row 5 is missing"),
    ],
)
def test_the_first_row_that_does_not_fit_is_named(
    records: Records, statement: str, words: str
) -> None:
    for number in range(1, 6):
        act(records, number)
    end = records.read(verify)
    tamper(records, statement)
    with pytest.raises(AuditError, match=words):
        records.read(lambda session: verify(session, expected=end))


def test_whoever_writes_everything_anew_has_another_end(records: Records) -> None:
    for number in range(1, 4):
        act(records, number)
    end = records.read(verify)
    tamper(records, "DELETE FROM audit")
    for number in range(1, 4):
        act(records, number, by="wang")
    assert records.read(verify).rows == 3
    with pytest.raises(AuditError, match="row 3 has another hash"):
        records.read(lambda session: verify(session, expected=end))


@pytest.mark.parametrize("statement", ["UPDATE audit SET by = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_delete_a_row(records: Records, statement: str) -> None:
    act(records, 1)
    with pytest.raises(DBAPIError, match="only added to"), records.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_change_and_its_row_are_one_transaction(records: Records) -> None:
    def fail(_session: Session) -> None:
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        records.acting(Actor(1, "li", "x")).write(fail)
    records.write(lambda session: record_event(session, at=1, topic="alarms", kind="alarm.raised"))
    assert records.read(verify) == Verified(0, "")


def test_several_processes_write_one_chain(url: str) -> None:
    def write(name: str) -> None:
        with Records.open(url) as records:
            for number in range(1, 16):
                act(records, number, by=name)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("li", "wang")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with Records.open(url) as records:
        assert records.read(verify).rows == 30
        names = records.read(lambda session: {row.by for row in session.query(AuditEntry)})
    assert names == {"li", "wang"}


def test_the_command_names_the_row_and_prints_the_end(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("data_dir: data\n", "utf-8")
    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path}/data/records.sqlite"
    upgrade(url)
    with Records.open(url) as records:
        act(records, 1)
        act(records, 2)
        right = CliRunner().invoke(audit, ["verify", str(file)])
        assert right.exit_code == 0, right.output
        assert right.output.startswith("2 rows, each fits the one before\n2:")
        end = right.output.split()[-1]
        assert CliRunner().invoke(audit, ["verify", str(file), "--expect", end]).exit_code == 0
        assert CliRunner().invoke(audit, ["verify", str(file), "--expect", "x"]).exit_code == 2
        tamper(records, "UPDATE audit SET at = 7 WHERE id = 1")
    wrong = CliRunner().invoke(audit, ["verify", str(file)])
    assert (wrong.exit_code, "row 1 does not fit" in wrong.output) == (1, True)
