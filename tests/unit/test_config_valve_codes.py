"""The file of what moves valves: what it says, and in which words it is refused."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.valve_codes import codes_of, load_valve_codes

METER = "78330011223344"


def given(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "valves"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_meter_has_its_own_line_or_that_of_all(tmp_path: Path) -> None:
    known = load_valve_codes(given(tmp_path, f"{METER} 5501 99  # of flat 12\n\n* 55 99\n"))
    assert codes_of(known, METER) == (b"\x55\x01", b"\x99")
    assert codes_of(known, "11110000000002") == (b"\x55", b"\x99")
    assert codes_of({}, METER) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7833001122334 55 99", ":1: METER is wrong; allowed: 14 digits"),
        (f"{METER} 5 99", ":1: OPEN is wrong; allowed: 1 to 16 bytes"),
        (f"\n{METER} 55 xx", ":2: CLOSE is wrong"),
        (f"{METER} 55", ":1: expected METER OPEN CLOSE, got 2 words"),
        (f"{METER} 55 55", "OPEN and CLOSE are the same"),
        ("* 55 99\n* 55 99", r":2: \* is there twice"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_valve_codes(given(tmp_path, text))


def test_others_may_not_read_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mode 0644\); allowed is 0600"):
        load_valve_codes(given(tmp_path, f"{METER} 55 99", 0o644))
