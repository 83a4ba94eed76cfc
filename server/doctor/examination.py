"""All findings of one server, whether it runs or not."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.load import load_classes
from config.load_server import load_server
from config.server import ServerSettings
from config.summary import server_notes
from protocols.errors import PlantroomError
from server.control.house import visit_shards
from server.control.visitor import Visitor, visit
from server.core.clock import Clock
from server.core.lease import held_shards
from server.core.records import Records
from server.core.shard import WHOLE, Shard
from server.doctor.broker import look_at_broker, look_at_certificates
from server.doctor.channels import look_at_channels
from server.doctor.condition import Condition
from server.doctor.finding import Finding, bad, ok, warn
from server.doctor.history import look_at_history
from server.doctor.machine import (
    look_at_clock,
    look_at_port,
    look_at_server,
    look_at_services,
    look_at_versions,
)
from server.doctor.records import (
    look_at_gateways,
    look_at_outbox,
    look_at_people,
    look_at_records,
)
from server.doctor.secrets import Redaction, look_at_modes, secrets_of
from server.doctor.shards import look_at_shards
from server.notifications.registry import check_secrets
from server.roles.split import why_one_process


def examine(file: Path, clock: Clock, *, certificates: Sequence[Path] = ()) -> Iterator[Finding]:
    """Yield all findings, without any secret; nothing is changed.

    Args:
        file: The server file.
        clock: Tells what is old.
        certificates: Files that the server file does not name: the broker's, the proxy's.
    """
    try:
        settings = load_server(file)
    except ConfigError as error:
        yield from look_at_versions({})
        yield bad("configuration", str(error), "mend the file: plantroom server check FILE")
        return
    clean = Redaction(secrets_of(settings))
    for finding in _examine(file, settings, certificates, clock):
        yield clean(finding)


def _examine(
    file: Path, settings: ServerSettings, certificates: Sequence[Path], clock: Clock
) -> Generator[Finding]:
    with ExitStack() as stack:
        house, known = _House({}, {}, {}), True
        try:
            house = _visited(settings, stack)
        except PlantroomError as error:
            known = False
            yield bad("server", str(error), "see its log: journalctl -u plantroom-server")
        whole = house.running.get(WHOLE)
        names = {"server" if one.is_whole else f"shard {one}": one for one in house.running}
        running = {name: house.running[one] for name, one in names.items()}
        yield from look_at_versions(running)
        yield from _told("configuration", _configuration(file, settings, clock))
        if whole is None and house.held:
            yield from look_at_shards(house.held, house.running)
        elif known:
            yield from look_at_server(whole)
        yield from look_at_services()
        yield from look_at_clock()
        yield from look_at_port(settings, runs=None if house.held else whole is not None)
        yield from _told("files", look_at_modes(settings))
        yield from _told("records", _records(settings, clock))
        anybody = next(iter(house.doors.values()), None)
        yield from _told("history", look_at_history(settings, anybody, clock))
        yield from _told("broker", look_at_broker(settings.mqtt, running, clock))
        yield from look_at_certificates(settings.mqtt, certificates, clock)
        yield from look_at_channels(settings.messages)


class _House(NamedTuple):
    """Who ingests; a server that is one process ingests all."""

    held: Mapping[Shard, str]
    """Of a house that is divided: who ingests what, wherever."""
    doors: Mapping[Shard, Visitor]
    running: Mapping[Shard, Condition]
    """What those say that have a door here."""


def _visited(settings: ServerSettings, stack: ExitStack) -> _House:
    held: Mapping[Shard, str] = {}
    server = stack.enter_context(visit(settings.data_dir))
    if server is not None:
        doors = {WHOLE: server}
    elif why_one_process(settings):
        doors = {}
    else:
        held = held_shards(settings.records.url)
        doors = stack.enter_context(visit_shards(settings.data_dir, held))
    return _House(held, doors, {one: Condition.of(door) for one, door in doors.items()})


def _configuration(file: Path, settings: ServerSettings, clock: Clock) -> Generator[Finding]:
    classes = load_classes(settings.class_files)
    check_secrets(settings.messages, clock)
    yield ok("configuration", f"{file} is right, {len(classes)} equipment classes")
    for note in server_notes(settings):
        yield warn("configuration", note, "see docs/configuration.md")


def _records(settings: ServerSettings, clock: Clock) -> Generator[Finding]:
    can_be_asked = yield from look_at_records(settings)
    if not can_be_asked:
        return
    classes, now = load_classes(settings.class_files), clock.now_ms()
    with Records.open(settings.records.url, read_only=True) as records:
        yield from records.read(
            lambda session: [
                *look_at_people(session, settings.messages, classes, now),
                *look_at_gateways(session),
                *look_at_outbox(session, now),
            ]
        )


def _told(check: str, findings: Generator[Finding]) -> Generator[Finding]:
    """Yield them; what cannot be looked at is a finding as well."""
    try:
        yield from findings
    except PlantroomError as error:
        yield bad(check, str(error), "nothing more can be seen of it until then")
