"""What is wrong with the files of a connection to the broker is told with the option's name."""

import ssl
from pathlib import Path

import pytest

from config.connection_files import password_of, tls_context, tls_problems
from config.errors import ConfigError
from config.mqtt import MqttSettings, TlsSettings

CERTIFICATE = Path(__file__).parent.parent / "fakes" / "localhost.pem"


def part(word: str, folder: Path) -> Path:
    """Return a file with only the certificate, or only the key, of the test's own."""
    text = CERTIFICATE.read_text("ascii")
    begin = text.index(f"-----BEGIN {word}")
    ending = f"-----END {word}"
    end = text.index("\n", text.index(ending))
    path = folder / f"{word}.pem"
    path.write_text(text[begin : end + 1], "ascii")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "text").write_text("no certificate", "utf-8")
    (tmp_path / "folder").mkdir()
    return {
        "missing": tmp_path / "missing",
        "text": tmp_path / "text",
        "folder": tmp_path / "folder",
        "certificate": part("CERTIFICATE", tmp_path),
        "key": part("PRIVATE KEY", tmp_path),
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca_file": "missing"}, r"missing does not exist \(mqtt.tls.ca_file: "),
        ({"ca_file": "folder"}, r"folder is a folder \(mqtt.tls.ca_file: "),
        ({"ca_file": "text"}, r"text holds no certificate in PEM \(mqtt.tls.ca_file: "),
        ({"ca_file": "key"}, r"holds no certificate in PEM \(mqtt.tls.ca_file: "),
        ({"cert_file": "text", "key_file": "key"}, r"text holds no certificate .*cert_file"),
        ({"cert_file": "certificate", "key_file": "missing"}, r"does not exist .*key_file"),
        ({"cert_file": "certificate", "key_file": "text"}, r"is no key that can be used"),
        ({"cert_file": "key", "key_file": "certificate"}, r"holds no certificate .*cert_file"),
    ],
)
def test_a_wrong_file_is_named_with_its_option(
    options: dict[str, str], words: str, files: dict[str, Path]
) -> None:
    tls = TlsSettings(**{name: files[kind] for name, kind in options.items()})
    with pytest.raises(ConfigError, match=words):
        tls_context(tls)


def test_right_files_are_used(files: dict[str, Path]) -> None:
    tls = TlsSettings(
        ca_file=files["certificate"], cert_file=files["certificate"], key_file=files["key"]
    )
    assert list(tls_problems(tls)) == []
    assert isinstance(tls_context(tls), ssl.SSLContext)


def test_a_password_that_cannot_be_read_is_told(files: dict[str, Path]) -> None:
    files["text"].write_bytes(b"\xff\xfe")
    for kind, words in [("missing", "does not exist"), ("text", "is no text in UTF-8")]:
        mqtt = MqttSettings(username="gw", password_file=files[kind])
        with pytest.raises(ConfigError, match=rf"{words} \(mqtt.password_file: "):
            password_of(mqtt)
    files["text"].write_text("secret\n", "utf-8")
    assert password_of(MqttSettings(username="gw", password_file=files["text"])) == "secret"
