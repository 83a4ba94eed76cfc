import pytest
from argon2.exceptions import VerifyMismatchError

from server.access import passwords
from server.access.passwords import check_password, hash_password, password_matches
from server.core.errors import InvalidError
from server.core.instant import parse_rfc3339, rfc3339


def test_a_password_matches_its_own_hash_only() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password_matches(stored, "correct horse battery")
    assert not password_matches(stored, "correct house")
    assert not password_matches(None, "correct horse battery")
    assert not password_matches("not a hash", "correct horse battery")


def test_a_login_of_nobody_is_compared_with_the_work_of_any_other() -> None:
    assert not passwords._hasher.check_needs_rehash(passwords._nobody_hash)
    with pytest.raises(VerifyMismatchError):  # and no InvalidHashError, which takes no time
        passwords._hasher.verify(passwords._nobody_hash, "correct horse battery")


@pytest.mark.parametrize("password", ["", "x" * 14, "x" * 257])
def test_short_and_giant_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidError, match="15 to 256"):
        check_password(password, name="li")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T09:53:13.123Z", 1_795_341_193_123),
        ("2026-11-22T17:53:13.123+08:00", 1_795_341_193_123),
        ("2026-11-22T17:53:13.123 08:00", 1_795_341_193_123),
    ],
)
def test_instants_are_read(text: str, at: int) -> None:
    assert parse_rfc3339(text) == at


@pytest.mark.parametrize("text", ["", "now", "2026-11-22", "2026-13-01T00:00:00Z", "1e9"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse_rfc3339(text)


def test_instants_are_written_with_milliseconds() -> None:
    assert rfc3339(1_795_341_193_123) == "2026-11-22T09:53:13.123Z"
    assert rfc3339(-5) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(10**18) == "9999-12-31T23:59:59.999Z"
