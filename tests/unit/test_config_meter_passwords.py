"""The file of meters' passwords: what it says, and in which words it is refused."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.meter_passwords import load_meter_passwords
from protocols.dlt645.commands import Password

TEXT = """# METER       LEVEL PASSWORD OPERATOR
000000000161  02    012345   000000aF

*             4     999999   00000001  # all others
"""


def given(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "meters"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_a_meter_has_its_own_line_or_that_of_all(tmp_path: Path) -> None:
    known = load_meter_passwords(given(tmp_path, TEXT))
    own, other = known.of("000000000161"), known.of("201000000012")
    assert own is not None
    assert (own.password, own.operator) == (Password(2, "012345"), "000000AF")
    assert other is not None
    assert other.password == Password(4, "999999")
    assert "012345" not in repr(own)


def test_a_meter_without_a_line_has_none(tmp_path: Path) -> None:
    known = load_meter_passwords(given(tmp_path, TEXT.partition("*")[0]))
    assert known.of("201000000012") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o644])
def test_others_may_not_read_it(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match=rf"mode {mode:04o}\); allowed is 0600"):
        load_meter_passwords(given(tmp_path, TEXT, mode))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20100000012 2 123456 00000001", ":1: METER is wrong; allowed: 12 digits"),
        ("201000000012 10 123456 00000001", ":1: LEVEL is wrong; allowed: 0..9"),
        ("\n201000000012 2 12345 00000001", ":2: PASSWORD is wrong; allowed: six digits"),
        ("201000000012 2 123456 1", ":1: OPERATOR is wrong; allowed: eight digits"),
        ("201000000012 2 123456", ":1: expected METER LEVEL PASSWORD OPERATOR, got 3"),
        ("* 2 123456 00000001\n* 2 123456 00000001", r":2: \* is there twice"),
        (b"\xff\xfe", "no text in UTF-8"),
    ],
)
def test_a_wrong_line_is_named_and_no_password_repeated(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        load_meter_passwords(given(tmp_path, text))
    assert "12345" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        load_meter_passwords(tmp_path / "nowhere")
