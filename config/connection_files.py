"""The files of a connection to the broker: used, or refused in words that say which and why.

And what a broker means that refuses who they name.
"""

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.mqtt import MqttSettings, TlsSettings

_ABOUT_THE_USER: Final = re.compile("authori[sz]ed|user ?name|password", re.IGNORECASE)
_WHAT: Final = {
    "ca_file": "the certificate of the authority that signed the broker's, PEM; without this key "
    "the system's authorities count",
    "cert_file": "the certificate of this client, PEM",
    "key_file": "the key of cert_file, PEM, without a passphrase",
}


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return what a connection is encrypted with.

    Raises:
        ConfigError: A file is missing, unreadable or no certificate; the message names the option.
    """
    problem = next(tls_problems(tls), None)
    if problem is not None:
        raise ConfigError(problem)
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def password_of(mqtt: MqttSettings) -> str | None:
    """Return the password of a connection; None where it has none.

    Raises:
        ConfigError: Its file cannot be read; the message names the option.
    """
    path = mqtt.password_file
    if path is None:
        return None
    problem = password_problem(path)
    if problem:
        raise ConfigError(problem)
    return path.read_text(encoding="utf-8").strip()


def password_problem(path: Path) -> str:
    """Return what is wrong with the file of a connection's password; empty: nothing."""
    why = unreadable(path)
    if not why:
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            why = "is no text in UTF-8"
    what = "the password of mqtt.username, one line"
    return f"{path} {why} (mqtt.password_file: {what})" if why else ""


def why_refused(mqtt: MqttSettings, message: str) -> str:
    """Return the reason of a broker's refusal with its probable cause.

    Brokers have the same words for an unknown user and for a wrong password.
    """
    if not _ABOUT_THE_USER.search(message):
        return message
    if mqtt.username is None:
        return f"{message}: it wants a user (mqtt.username), and this one has none"
    return (
        f"{message}: it does not know user {mqtt.username!r} (mqtt.username), or not this password"
    )


def tls_problems(tls: TlsSettings) -> Iterator[str]:
    """Yield what is wrong with each file: its path first, then why, then what belongs there."""
    unusable = False
    for option, what in _WHAT.items():
        path: Path | None = getattr(tls, option)
        why = "" if path is None else unreadable(path)
        if why:
            unusable = True
            yield _problem(path, why, option, what)
    if tls.ca_file is not None and not unreadable(tls.ca_file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if _fails(lambda: context.load_verify_locations(tls.ca_file)):
            yield _problem(tls.ca_file, "holds no certificate in PEM", "ca_file", _WHAT["ca_file"])
    if tls.cert_file is not None and not unusable:
        yield from _wrong_pair(tls.cert_file, tls.key_file)


def _wrong_pair(cert_file: Path, key_file: Path | None) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if _fails(lambda: context.load_verify_locations(cert_file)):
        yield _problem(cert_file, "holds no certificate in PEM", "cert_file", _WHAT["cert_file"])
        return
    # A key with a passphrase would otherwise ask for it on the terminal.
    why = _fails(lambda: context.load_cert_chain(cert_file, key_file, password=lambda: b"-"))
    if why:
        words = "is no key that can be used"
        if "MISMATCH" in why:
            words = "does not belong to cert_file"
        yield _problem(key_file, words, "key_file", _WHAT["key_file"])


def _problem(path: Path | None, why: str, option: str, what: str) -> str:
    return f"{path} {why} (mqtt.tls.{option}: {what})"


def unreadable(path: Path) -> str:
    """Return why a file cannot be read, as words behind its name; empty: it can."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return "does not exist"
    except IsADirectoryError:
        return "is a folder"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _fails(load: Callable[[], object]) -> str:
    try:
        load()
    except (ssl.SSLError, ValueError, OSError) as error:
        return str(error) or "unusable"
    return ""
