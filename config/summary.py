"""What a checked file means, in a few lines: for ``plantroom agent check`` and ``server check``."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path

from config.base import Settings
from config.classes import EquipmentClass
from config.connection_files import password_problem, tls_problems, unreadable
from config.edge import JournalSettings
from config.errors import ConfigError
from config.history import EmbeddedBackend, HistorySettings, InfluxBackend
from config.listening import Gb26875TcpPort
from config.mqtt import MqttSettings
from config.ports import AnyPort, LinePort
from config.resolve import Gateway, ResolvedDevice
from config.server import ServerSettings
from config.sharing import shared_notes


def summarize_gateway(gateway: Gateway) -> str:
    """Return ports, devices and what they ask for, and what looks wrong but is allowed."""
    settings = gateway.settings
    lines = [
        f"gateway {settings.gateway} of site {settings.site}",
        f"broker  {_broker(settings.mqtt)}",
        f"journal {_journal(settings.journal)}",
    ]
    for name, port in settings.ports.items():
        lines.append(f"port    {name}: {_endpoint(port)}")
        lines += [_device_line(one) for one in gateway.devices.values() if one.port == name]
    points = sum(len(device.reported) for device in gateway.devices.values())
    lines.append(
        f"total   {_count(len(settings.ports), 'port')}, "
        f"{_count(len(gateway.devices), 'device')}, {_count(points, 'point')}, "
        f"{_rate(gateway):.3g} values a second"
    )
    lines += [f"note    {note}" for note in _gateway_notes(gateway)]
    return "\n".join(lines)


def summarize_server(settings: ServerSettings, classes: Mapping[str, EquipmentClass]) -> str:
    """Return where everything is kept and which classes are watched, and what looks wrong."""
    http, history = settings.http, settings.history
    lines = [
        f"http    http://{http.host}:{http.port}",
        f"broker  {_broker(settings.mqtt)}, host id {settings.sparkplug.host_id}",
        f"data    {settings.data_dir}",
        f"records {_without_password(settings.records.url)}",
        f"history {_store(history)}, kept {history.retention_days} days",
    ]
    lines += [
        f"webhook {webhook.name}: {webhook.url} ({', '.join(webhook.severities)})"
        for webhook in settings.messages.webhooks
    ]
    lines += [f"channel {name}: {one.kind}" for name, one in settings.messages.channels.items()]
    for name, one in sorted(classes.items()):
        rules = _count(len(one.rules), "alarm rule")
        lines.append(f"class   {name} ({one.name.zh}): {_count(len(one.points), 'point')}, {rules}")
    lines += [f"note    {note}" for note in _server_notes(settings)]
    return "\n".join(lines)


def _broker(mqtt: MqttSettings) -> str:
    tls = "TLS" if mqtt.tls else "no TLS"
    return f"{mqtt.host}:{mqtt.port}, {tls}, {mqtt.username or 'anonymous'}"


def _store(history: HistorySettings) -> str:
    match history.backend:
        case EmbeddedBackend():
            return str(history.path)
        case InfluxBackend() as influx:
            return f"InfluxDB {influx.url}, bucket {influx.bucket}"


def _journal(journal: JournalSettings) -> str:
    bounds = f"{journal.max_bytes / 1e6:g} MB and {journal.max_age_s / 86400:g} days"
    return f"{journal.path}, at most {bounds}, committed every {journal.commit_interval_s:g} s"


def _endpoint(port: AnyPort) -> str:
    if isinstance(port, Gb26875TcpPort):
        return f"{port.kind} listens on {port.host}:{port.port}, silence {port.silence_s:g} s"
    if isinstance(port, LinePort):
        where = f"{port.device} {port.bits_per_second} 8{port.parity}{port.stop_bits}"
    else:
        where = f"{port.host}:{port.port}"
    return f"{port.kind} {where}, timeout {port.timeout_s:g} s"


def _device_line(device: ResolvedDevice) -> str:
    periods = sorted({point.period_s for point in device.points.values() if point.period_s})
    of = device.profile or ("own points" if device.points else "points of its class")
    times = "/".join(f"{period:g}" for period in periods)
    every = f"every {times} s" if periods else "when it speaks"
    return (
        f"  device  {device.id}: {device.addressed}, {of}, "
        f"{device.equipment_class or 'no class'}, {_count(len(device.reported), 'point')} "
        f"{every}, {device.name.en} ({device.name.zh})"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _rate(gateway: Gateway) -> float:
    points = (point for device in gateway.devices.values() for point in device.reported.values())
    return sum(1 / point.period_s for point in points if point.period_s)


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{place}"


def _gateway_notes(gateway: Gateway) -> Iterator[str]:
    settings = gateway.settings
    yield from _mqtt_notes(settings.mqtt)
    for device in gateway.devices.values():
        if not device.equipment_class:
            yield f"{device.id} has no class: the server has no alarm rules for it"
    yield from shared_notes(settings.ports, gateway.devices)
    for name, port in settings.ports.items():
        meters = None if isinstance(port, Gb26875TcpPort) else port.of_meters
        if meters is not None and meters.password_file is not None:
            yield from _password_notes(name, meters.password_file)
    idle = set(settings.ports) - {device.port for device in gateway.devices.values()}
    for name in sorted(idle):
        yield f"port {name} has no devices"
    if settings.uplink.acknowledgement == "state" and settings.uplink.primary_host is None:
        yield "acknowledgement is state and primary_host is not set: readings leave once sent"


def _password_notes(port: str, path: Path) -> Iterator[str]:
    # What no file uses is not imported.
    from config.meter_passwords import load_meter_passwords  # noqa: PLC0415

    try:
        load_meter_passwords(path)
    except ConfigError as error:
        yield f"{error} (ports.{port}.password_file)"


def _server_notes(settings: ServerSettings) -> Iterator[str]:
    yield from _mqtt_notes(settings.mqtt)
    for webhook in settings.messages.webhooks:
        yield from _file_notes(webhook, f"messages.webhooks.{webhook.name}")
    for name, channel in settings.messages.channels.items():
        yield from _file_notes(channel, f"messages.channels.{name}")
    if not settings.messages.announced:
        yield "no webhook and no robot: nobody is told about an alarm unless a roster says so"
    if not _is_local(settings.http.host) and not settings.http.secure_cookie:
        yield "http.secure_cookie is false and http.host is not local: logins travel in clear"


def _mqtt_notes(mqtt: MqttSettings) -> Iterator[str]:
    tls = mqtt.tls
    problem = "" if mqtt.password_file is None else password_problem(mqtt.password_file)
    if problem:
        yield problem
    if tls is not None:
        yield from tls_problems(tls)
    if tls is None and not _is_local(mqtt.host):
        yield "mqtt has no tls: everything travels in clear"


def _file_notes(settings: Settings, place: str) -> Iterator[str]:
    """Yield what is wrong with the files that settings name: which option, and why."""
    for option in type(settings).model_fields:
        path = getattr(settings, option) if option.endswith("_file") else None
        why = "" if path is None else unreadable(path)
        if why:
            yield f"{path} {why} ({place}.{option})"


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
