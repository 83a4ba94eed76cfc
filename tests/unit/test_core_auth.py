import pytest

from server.core.auth import Role, hash_password, password_matches
from server.core.errors import InvalidError
from server.core.instant import parse_rfc3339, rfc3339


def test_a_password_matches_its_own_hash_only() -> None:
    stored = hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password_matches(stored, "correct horse")
    assert not password_matches(stored, "correct house")
    assert not password_matches(None, "correct horse")
    assert not password_matches("not a hash", "correct horse")


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257])
def test_short_and_giant_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidError, match="8 to 256"):
        hash_password(password)


def test_rights_are_ordered() -> None:
    allowed = {(a, b) for a in Role for b in Role if a.may_act_as(b)}
    assert (Role.ADMINISTRATOR, Role.VIEWER) in allowed
    assert (Role.VIEWER, Role.OPERATOR) not in allowed
    assert len(allowed) == 6


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
