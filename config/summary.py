"""What a checked file means, in a few lines: for ``plantroom agent check`` and ``server check``."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_address

from config.base import Settings
from config.classes import EquipmentClass
from config.connection_files import password_problem, tls_problems, unreadable
from config.edge import JournalSettings
from config.errors import ConfigError
from config.gateway import Gateway, ResolvedDevice
from config.history import EmbeddedBackend, HistorySettings, InfluxBackend, VictoriaBackend
from config.line_ports import SerialPort
from config.linkages import Linkage
from config.listening import HeardPort
from config.mbus import MBUS_MISSING
from config.members import members_of
from config.meter_ports import Cjt188Port, Dlt645Port, MbusPort
from config.mqtt import MqttSettings
from config.osdp import OSDP_MISSING
from config.ports import AnyPort, OsdpPort, Port, ReachabilityPort
from config.server import ServerSettings
from config.sharing import shared_notes


def summarize_gateway(gateway: Gateway) -> str:
    """Return ports, devices, linkages and what they do, and what looks wrong but is allowed."""
    settings = gateway.settings
    lines = [
        f"gateway {settings.gateway} of site {settings.site}",
        f"broker  {_broker(settings.mqtt)}",
        f"journal {_journal(settings.journal)}",
    ]
    for name, port in settings.ports.items():
        lines.append(f"port    {name}: {_endpoint(port)}")
        lines += [_device_line(one) for one in gateway.devices.values() if one.port == name]
    lines += [_linkage_line(name, one) for name, one in settings.linkages.items()]
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
    lines += [f"note    {note}" for note in server_notes(settings)]
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
        case VictoriaBackend() as victoria:
            return f"VictoriaMetrics {victoria.url}"


def _journal(journal: JournalSettings) -> str:
    bounds = f"{journal.max_bytes / 1e6:g} MB and {journal.max_age_s / 86400:g} days"
    return f"{journal.path}, at most {bounds}, committed every {journal.commit_interval_s:g} s"


def _endpoint(port: AnyPort) -> str:
    if isinstance(port, HeardPort):
        return f"{port.kind} {port.where}"
    if isinstance(port, ReachabilityPort):
        return f"{port.kind} of hosts, {port.attempts} x {port.timeout_s:g} s without an answer"
    if isinstance(port, SerialPort):
        others = [one for one in members_of(port)[1:] if isinstance(one, SerialPort)]
        also = "".join(f", also {one.kind} {_frame(one)}" for one in others)
        where = f"{port.place} {_frame(port)}{also}"
    else:
        where = f"{port.host}:{port.port}"
    return f"{port.kind} {where}, timeout {port.timeout_s:g} s"


def _frame(port: SerialPort) -> str:
    return f"{port.bits_per_second} {port.character_bits}{port.parity}{port.stop_bits}"


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


def _linkage_line(name: str, linkage: Linkage) -> str:
    armed = "armed" if linkage.armed else "NOT ARMED, gives no command"
    delay = f" for {linkage.delay_s:g} s" if linkage.delay_s else ""
    given = ", ".join(f"{one.device}.{one.point} = {_word(one.value)}" for one in linkage.commands)
    latched = ", then latched" if linkage.latch else ""
    within = "until a reset" if linkage.within_s is None else f"in {linkage.within_s:g} s"
    return (
        f"linkage {name}: {armed}: {linkage.when}{delay} -> {given}{latched}, at most "
        f"{_count(linkage.max_runs, 'run')} {within}, {linkage.name.en} ({linkage.name.zh})"
    )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
        if isinstance(port, HeardPort):
            yield from (f"port {name}: {note}" for note in port.notes())
        elif isinstance(port, OsdpPort):
            yield from _reader_notes(gateway, name, port)
        elif isinstance(port, MbusPort) and find_spec("meterbus") is None:
            yield f"{MBUS_MISSING} (ports.{name})"
        else:
            yield from _authority_notes(name, port)
    idle = set(settings.ports) - {device.port for device in gateway.devices.values()}
    for name in sorted(idle):
        yield f"port {name} has no devices"
    if settings.uplink.acknowledgement == "state" and settings.uplink.primary_host is None:
        yield "acknowledgement is state and primary_host is not set: readings leave once sent"


def _authority_notes(name: str, port: Port) -> Iterator[str]:
    """Yield what is wrong with the files of what meters want before they obey."""
    # What no file uses is not imported.
    for one in members_of(port):
        option = one.COMMANDS_NEED if isinstance(one, Dlt645Port | Cjt188Port) else ""
        try:
            if isinstance(one, Cjt188Port) and one.valve_code_file is not None:
                from config.valve_codes import load_valve_codes  # noqa: PLC0415

                load_valve_codes(one.valve_code_file)
            elif isinstance(one, Dlt645Port) and one.password_file is not None:
                from config.meter_passwords import load_meter_passwords  # noqa: PLC0415

                load_meter_passwords(one.password_file)
        except ConfigError as error:
            yield f"{error} (ports.{name}.{option})"


def _reader_notes(gateway: Gateway, name: str, port: OsdpPort) -> Iterator[str]:
    # What no file uses is not imported.
    from config.osdp_keys import keys_of, salt_of  # noqa: PLC0415

    for option, load in (("key_file", keys_of), ("salt_file", salt_of)):
        try:
            load(port)
        except ConfigError as error:
            yield f"{error} (ports.{name}.{option})"
    if find_spec("osdp_sys") is None:
        yield f"{OSDP_MISSING} (ports.{name})"
    used = {device.unit for device in gateway.devices.values() if device.port == name}
    for address, reader in sorted(port.readers.items()):
        if address not in used:
            yield f"reader {address} of port {name} is polled, and no device uses it"
        if not reader.secure_channel:
            yield f"reader {address} of port {name} has no secure channel: it can be forged"
        if reader.install_mode:
            yield f"reader {address} of port {name} is in install_mode: remove it afterwards"


def server_notes(settings: ServerSettings) -> Iterator[str]:
    """Yield what looks wrong but is allowed."""
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
