"""The broker: reached, trusted, and this server may say and hear there what it must."""

import socket
import ssl
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from config.connection_files import tls_context, why_refused
from config.mqtt import MqttSettings, TlsSettings
from server.core.clock import Clock
from server.doctor.condition import Condition
from server.doctor.finding import Finding, bad, of_days_left, ok
from server.enrolment.certificates import end_of, ends_of
from server.ingest.broker_trial import try_rights

_CONNECT_S = 5.0
_DAY_MS = 86_400_000
_RENEW = "make new ones: plantroom server ca --help; or ask whoever issued it"


def look_at_certificates(
    mqtt: MqttSettings, more: Sequence[Path], clock: Clock
) -> Generator[Finding]:
    """Yield how long the certificates are good that the server file names, and ``more``."""
    named: list[tuple[Path | None, str]] = [(path, "--certificate") for path in more]
    if mqtt.tls is not None:
        named += [
            (mqtt.tls.ca_file, "mqtt.tls.ca_file"),
            (mqtt.tls.cert_file, "mqtt.tls.cert_file"),
        ]
    for path, option in named:
        if path is None:
            continue
        try:
            ends = ends_of(path.read_bytes())
        except (OSError, ValueError) as error:
            yield bad(
                "certificates", f"{path}: {error}", f"put a certificate there, PEM ({option})"
            )
            continue
        for end in ends:
            yield of_days_left("certificates", f"{path}", _days_left(end, clock), advice=_RENEW)


def look_at_broker(
    mqtt: MqttSettings, running: Mapping[str, Condition], clock: Clock
) -> Generator[Finding]:
    """Yield whether it is reached, how long its certificate is good, and what we may do there.

    Args:
        mqtt: Says where.
        running: Who can be asked instead of a try, by name.
        clock: Says how long certificates are good.

    Raises:
        ConfigError: A file of the connection is missing or unusable.
    """
    where = f"{mqtt.host}:{mqtt.port}"
    try:
        yield _connected(where, mqtt, clock)
    except ssl.SSLCertVerificationError as error:
        advice = "see mqtt.host (the name in its certificate) and mqtt.tls.ca_file"
        yield bad("broker", f"{where}: its certificate is refused: {error.verify_message}", advice)
        return
    except (OSError, ssl.SSLError) as error:
        advice = "start it, see mqtt.host, mqtt.port, mqtt.tls: systemctl status mosquitto"
        yield bad("broker", f"{where} is not reached: {error}", advice)
        return
    if running:
        # A connection beside the server's own would end that: both are the same user.
        for name, one in running.items():
            yield _told_by(name, one, where)
        return
    problem = try_rights(mqtt)
    if problem:
        advice = "see the user, its password and its rights: deploy/mosquitto.acl"
        yield bad("broker", f"{where}: {why_refused(mqtt, problem)}", advice)
    else:
        yield ok("broker", f"{mqtt.username or 'anonymous'} may say and hear what a host must")


def _connected(where: str, mqtt: MqttSettings, clock: Clock) -> Finding:
    with socket.create_connection((mqtt.host, mqtt.port), timeout=_CONNECT_S) as plain:
        if mqtt.tls is None:
            return ok("broker", f"{where} accepts connections, without TLS")
        der = _certificate_of(plain, mqtt.host, mqtt.tls)
    what = f"{where} accepts TLS, its certificate"
    return of_days_left("broker", what, _days_left(end_of(der), clock), advice=_RENEW)


def _certificate_of(plain: socket.socket, host: str, tls: TlsSettings) -> bytes:
    with tls_context(tls).wrap_socket(plain, server_hostname=host) as secured:
        return secured.getpeercert(binary_form=True) or b""


def _told_by(name: str, running: Condition, where: str) -> Finding:
    problem = running.notes.get("broker", "")
    if running.parts.get("broker", False) and not problem:
        return ok("broker", f"the {name} is connected to {where} and hears itself")
    advice = "see its log, and the user's rights: deploy/mosquitto.acl"
    return bad("broker", f"{where}: {problem or f'the {name} is not connected'}", advice)


def _days_left(end: datetime, clock: Clock) -> float:
    return (end.timestamp() * 1000 - clock.now_ms()) / _DAY_MS
