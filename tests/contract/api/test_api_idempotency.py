"""The same Idempotency-Key does the work once."""

from sqlalchemy.orm import Session

from server.core.model import IdempotentReply, User
from tests.contract.api.conftest import Api

BODY = {"name": "li", "password": "pump room 2", "role": "viewer"}


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


def test_a_request_cut_short_is_not_done_twice(api: Api) -> None:
    api.post("/users", BODY, who="administrator", Idempotency_Key="a1")

    def crash(session: Session) -> None:
        row = session.query(IdempotentReply).one()
        row.status, row.body = 0, {}

    api.records.write(crash)
    answer = api.post("/users", BODY, who="administrator", Idempotency_Key="a1")
    assert answer.status_code == 409
    assert _people(api) == 4


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
