"""Lines of readers in the agent file, and the files of their secrets."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_agent
from config.osdp_keys import keys_of, load_reader_keys, salt_of
from config.ports import OsdpPort
from config.summary import summarize_gateway

KEY = "8f0e5a7fc1b44f6b9c3a1d2e4f506172"
OF_DELIVERY = "303132333435363738393A3B3C3D3E3F"


def secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def port(**options: object) -> OsdpPort:
    given = {"kind": "osdp", "device": "/dev/none", "readers": {1: {}}} | options
    return OsdpPort.model_validate(given)


def test_each_reader_has_its_key(tmp_path: Path) -> None:
    path = secret(tmp_path, f"# ADDRESS KEY\n1 {KEY}\n\n2 {KEY[::-1]} # the barrier\n")
    readers = {1: {}, 2: {"secure_channel": False}}
    assert load_reader_keys(path)[2] == bytes.fromhex(KEY[::-1])
    assert keys_of(port(key_file=path, readers=readers)) == {1: bytes.fromhex(KEY), 2: None}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o644])
def test_others_may_not_read_keys_or_salt(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, f"1 {KEY}\n", mode)
    with pytest.raises(ConfigError, match=rf"mode {mode:04o}\); allowed is 0600"):
        load_reader_keys(path)
    with pytest.raises(ConfigError, match=rf"mode {mode:04o}\); allowed is 0600"):
        salt_of(port(key_file=path, card_mask="hash", salt_file=path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"127 {KEY}", ":1: ADDRESS is wrong; allowed: 0..126"),
        (f"x {KEY}", ":1: ADDRESS is wrong"),
        (f"1 {KEY}0", ":1: KEY is wrong; allowed: 32 digits"),
        (f"1 {KEY}\n1 {KEY}", ":2: address 1 is there twice"),
        (f"1 {KEY} 2", ":1: expected ADDRESS KEY, got 3 words"),
        (f"1 {OF_DELIVERY}", ":1: KEY is the key of delivery .SCBK-D., which everybody knows"),
    ],
)
def test_a_wrong_line_is_named_and_no_key_repeated(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        load_reader_keys(secret(tmp_path, text))
    assert KEY not in str(refused.value)


def test_a_reader_without_a_key_is_named(tmp_path: Path) -> None:
    path = secret(tmp_path, f"1 {KEY}\n")
    with pytest.raises(ConfigError, match="has no line for reader 2, 3"):
        keys_of(port(key_file=path, readers={1: {}, 2: {}, 3: {}}))


def test_a_salt_is_a_secret_and_no_word(tmp_path: Path) -> None:
    long, short = "a secret of the site", "salt"
    hashed = {"card_mask": "hash", "key_file": "/dev/none"}
    assert salt_of(port(**hashed, salt_file=secret(tmp_path, long + "\n"))) == long.encode()
    with pytest.raises(ConfigError, match="has 4 characters; a secret has at least 16"):
        salt_of(port(**hashed, salt_file=secret(tmp_path, short)))
    assert salt_of(port(key_file="/dev/none")) == b""


FILE = """\
site: s
gateway: g
ports:
  doors:
    kind: osdp
    device: /dev/none
    key_file: secret
    readers: {1: {}, 2: {secure_channel: false}, 3: {install_mode: true}}
devices:
  door: {port: doors, unit: 1, profile: osdp-door, name: {en: Door, zh: 门}}
"""


def test_a_check_says_what_is_open(tmp_path: Path) -> None:
    secret(tmp_path, f"1 {KEY}\n3 {KEY}\n", 0o644)
    file = tmp_path / "agent.yaml"
    file.write_text(FILE, "utf-8")
    told = summarize_gateway(load_agent(file))
    for words in (
        "port    doors: osdp /dev/none 9600 8N1, timeout 3 s",
        "device  door: reader 1, osdp-door, access_control",
        f"{tmp_path / 'secret'} may be read or changed by others (mode 0644)",
        "reader 2 of port doors has no secure channel: it can be forged",
        "reader 2 of port doors is polled, and no device uses it",
        "reader 3 of port doors is in install_mode: remove it afterwards",
    ):
        assert words in told
