"""The same Idempotency-Key does the work once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy.orm import Session

from server.access.model import User
from server.api.reservation import Reservation
from server.core.audit import Actor, AuditEntry
from server.core.errors import ConflictError
from server.core.model import IdempotentReply
from server.workorders.model import WorkOrderLine
from tests.contract.api.conftest import Api
from tests.contract.api.test_api_chain import Tripped
from tests.contract.api.test_api_order_records import photo

BODY = {"name": "li", "password": "pump room number 2", "role": "viewer"}


def _people(api: Api) -> int:
    return api.records.read(lambda session: session.query(User).count())


def test_a_repeated_post_gives_the_first_answer(api: Api) -> None:
    first = api.post("/users", BODY, who="administrator", Idempotency_Key="a1")
    again = api.post("/users", BODY, who="administrator", Idempotency_Key="a1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert _people(api) == 4


def test_a_key_belongs_to_one_request(api: Api) -> None:
    api.post("/users", BODY, who="administrator", Idempotency_Key="a1")
    other = api.post("/users", BODY | {"name": "wu"}, who="administrator", Idempotency_Key="a1")
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "header.Idempotency-Key"


def test_a_refused_request_leaves_the_key_free(api: Api) -> None:
    bad = api.post("/users", BODY | {"role": "king"}, who="administrator", Idempotency_Key="a1")
    good = api.post("/users", BODY, who="administrator", Idempotency_Key="a1")
    assert (bad.status_code, good.status_code) == (422, 201)


def row_of(session: Session) -> IdempotentReply:
    return session.query(IdempotentReply).one()


def test_what_was_written_before_a_kill_has_its_answer_and_is_not_done_twice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.api.idempotency._settle", lambda *_: None)
    first = api.post("/tokens", {"name": "x"}, Idempotency_Key="t")
    secret = api.post("/tokens", {"name": "x"}, Idempotency_Key="t")
    assert (first.status_code, secret.status_code) == (201, 409)
    assert "was done" in secret.json()["detail"]
    Tripped(api).fault(value=True)
    made = api.post("/work-orders/1/lines", PART, Idempotency_Key="p")
    again = api.post("/work-orders/1/lines", PART, Idempotency_Key="p")
    assert (again.status_code, again.json()) == (201, made.json())
    assert len(api.get("/work-orders/1").json()["lines"]) == 1


def test_what_a_kill_cut_short_before_it_was_written_is_done_when_it_is_asked_again(
    api: Api,
) -> None:
    def begin(session: Session) -> None:
        row = row_of(session)
        row.owner, row.status, row.body = "before/1", 0, {}
        session.query(WorkOrderLine).delete()

    Tripped(api).fault(value=True)
    api.post("/work-orders/1/lines", PART, Idempotency_Key="p")
    api.records.write(begin)
    other = api.post("/work-orders/1/lines", PART | {"quantity": 3}, Idempotency_Key="p")
    assert other.status_code == 422
    assert api.post("/work-orders/1/lines", PART, Idempotency_Key="p").status_code == 201
    assert len(api.get("/work-orders/1").json()["lines"]) == 1


def test_a_request_that_another_process_goes_on_with_writes_nothing(api: Api) -> None:
    Tripped(api).fault(value=True)
    api.post("/work-orders/1/lines", PART, Idempotency_Key="p")
    key = api.records.read(row_of).key
    late = Reservation(key, owner="before/1", keeps=True)
    records = api.records.acting(Actor(at=0, by=None, request="late"), late.noting(201))
    written = api.records.read(lambda session: session.query(AuditEntry).count())
    with pytest.raises(ConflictError, match="another request"):
        records.write(lambda session: session.query(WorkOrderLine).delete())
    assert len(api.get("/work-orders/1").json()["lines"]) == 1
    assert api.records.read(lambda session: session.query(AuditEntry).count()) == written


def test_who_comes_while_it_runs_is_told_so(api: Api) -> None:
    Tripped(api).fault(value=True)
    api.post("/work-orders/1/lines", PART, Idempotency_Key="p")

    def run(session: Session) -> None:
        row_of(session).status = 0

    api.records.write(run)
    answer = api.post("/work-orders/1/lines", PART, Idempotency_Key="p")
    assert (answer.status_code, "right now" in answer.json()["detail"]) == (409, True)


def test_a_tokens_secret_is_not_kept_for_the_repeat(api: Api) -> None:
    made = api.post("/tokens", {"name": "x"}, Idempotency_Key="t1").json()
    assert api.post("/tokens", {"name": "x"}, Idempotency_Key="t1").status_code == 409
    row = api.records.read(lambda session: session.query(IdempotentReply).one())
    assert made["token"] not in str(row.body)


def test_keys_of_two_people_do_not_meet_and_are_forgotten_after_a_day(api: Api) -> None:
    api.post("/tokens", {"name": "x"}, Idempotency_Key="t1")
    assert (
        api.post("/tokens", {"name": "x"}, "administrator", Idempotency_Key="t1").status_code == 201
    )
    api.clock.ms += 86_400_001
    assert api.post("/tokens", {"name": "x"}, Idempotency_Key="t1").status_code == 201


def test_a_key_has_a_size(api: Api) -> None:
    answer = api.post("/tokens", {"name": "x"}, Idempotency_Key="k" * 201)
    assert answer.status_code == 422


PART = {"kind": "part", "name": "Seal", "quantity": 2, "unit": "pcs", "unit_price_fen": 1250}
WRITES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a line": ("lines", PART, PART | {"quantity": 3}),
    "a comment": ("comments", {"comment": "wet"}, {"comment": "dry"}),
    "an appointment": (
        "appointments",
        {"at": "2026-11-23T10:00:00Z"},
        {"at": "2026-11-23T11:00:00Z"},
    ),
}


def events(api: Api) -> list[str]:
    return [one["kind"] for one in api.get("/work-orders/1").json()["events"]]


@pytest.mark.parametrize("what", WRITES)
def test_what_is_written_to_an_order_is_there_once(api: Api, what: str) -> None:
    path, body, other = WRITES[what]
    Tripped(api).fault(value=True)
    answers = [
        api.post(f"/work-orders/1/{path}", given, Idempotency_Key="k")
        for given in (body, body, other)
    ]
    assert [one.status_code for one in answers[:2]] == [answers[0].status_code] * 2
    assert answers[0].json() == answers[1].json()
    assert (answers[0].is_success, answers[2].status_code) == (True, 422)
    assert len(events(api)) == 2, "its opening, and this"
    assert api.post(f"/work-orders/1/{path}", other, Idempotency_Key="l").is_success
    assert len(events(api)) == 3


@pytest.mark.long
def test_of_many_at_once_with_one_key_one_is_done(api: Api) -> None:
    Tripped(api).fault(value=True)

    def ask(number: int) -> Response:
        key = "ab"[number % 2]
        return api.post("/work-orders/1/lines", PART, Idempotency_Key=key)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(24)))
    # Who comes while the first one works is told so; who comes later has its answer.
    assert {one.status_code for one in answers} <= {201, 409}
    assert len({one.json()["id"] for one in answers if one.status_code == 201}) == 2
    assert len(api.get("/work-orders/1").json()["lines"]) == 2
    again = [ask(number) for number in (0, 1)]
    assert [one.headers["idempotency-replayed"] for one in again] == ["true", "true"]
    assert len(api.get("/work-orders/1").json()["lines"]) == 2


def test_a_photo_with_the_key_of_another_one_is_refused(api: Api) -> None:
    Tripped(api).fault(value=True)

    def send(content: bytes, name: str = "Pump") -> Response:
        headers = {"Content-Type": "image/jpeg", "Idempotency-Key": "p"}
        return api.client.post(
            "/api/v1/work-orders/1/files",
            content=content,
            params={"name": name},
            headers=api.bearer() | headers,
        )

    first, again = send(photo()), send(photo())
    assert (first.status_code, again.json()) == (201, first.json())
    assert [send(photo("blue")).status_code, send(photo(), "Valve").status_code] == [422, 422]
    assert len(api.get("/work-orders/1").json()["files"]) == 1
