"""The records: schema and soundness; and what they say of people, gateways and messages."""

from collections.abc import Generator, Mapping
from pathlib import Path

from sqlalchemy import Connection, func, make_url, select, text
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from config.server import MessageSettings, ServerSettings
from server.access.users import has_users
from server.assets.model import Equipment, Gateway
from server.core.errors import DowngradeError
from server.core.instant import rfc3339
from server.core.records import Records
from server.core.schema import newest_revision, refuse_newer, revision_of
from server.doctor.finding import Finding, Level, bad, ok, warn
from server.jobs.coverage import all_gaps, needs_of
from server.messages.model import Message
from server.people.channels import channel_names
from server.people.service import load_directory

_MANY = 10
"""Lines of one kind; the rest is counted."""
_OVERDUE_MS = 300_000
_WEEK_MS = 7 * 86_400_000


def look_at_records(settings: ServerSettings) -> Generator[Finding, None, bool]:
    """Yield what the database is; return whether its tables can be asked for more.

    Raises:
        StoreError: It cannot be reached.
    """
    url = settings.records.url
    place = make_url(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").exists():
        advice = "make them: plantroom server init FILE"
        yield bad("records", f"there are none in {place.database}", advice)
        return False
    where = f"{place.get_backend_name()} {place.database}"
    with Records.open(url, read_only=True) as records:
        found = records.read(lambda session: list(_base(session, where)))
    yield from found
    return all(one.level is Level.OK for one in found)


def _base(session: Session, where: str) -> Generator[Finding]:
    """Yield schema, soundness and whether anybody can log in; nothing more after what is wrong."""
    connection = session.connection()
    revision = revision_of(connection)
    text = f"{where}: {_size(connection):,.1f} MB, schema {revision}"
    try:
        refuse_newer(revision, "the records")
    except DowngradeError as error:
        yield bad("records", text, str(error))
        return
    if revision != newest_revision():
        yield warn(
            "records",
            f"{text}, this version has {newest_revision()}",
            "the next start brings them up to date: make a backup first",
        )
        return
    yield ok("records", text)
    yield from _soundness(connection)
    if not has_users(session):
        yield bad(
            "records", "nobody can log in", "make the administrator: plantroom server init FILE"
        )


def look_at_people(
    session: Session,
    messages: MessageSettings,
    classes: Mapping[str, EquipmentClass],
    now: int,
) -> Generator[Finding]:
    """Yield whom an alarm reaches, and when it reaches nobody."""
    directory = load_directory(session, channel_names(messages))
    persons = len(directory.people.persons)
    rosters = len(directory.people.rosters)
    if not persons:
        if messages.announced:
            yield ok("people", "no persons: only webhooks and robots are told of alarms")
        else:
            yield bad(
                "people",
                "no persons, no webhook, no robot: nobody is told of an alarm",
                "see docs/people.md: plantroom server people FILE people.yaml",
            )
        return
    gaps = all_gaps(directory, list(needs_of(session, classes)), now=now)
    if not gaps:
        yield ok("people", f"{persons} persons, {rosters} rosters, no gap in the next five weeks")
    for gap in gaps[:_MANY]:
        yield warn("people", gap.text_en, "rosters are on the page, or in a file: docs/people.md")
    if len(gaps) > _MANY:
        yield warn("people", f"{len(gaps) - _MANY} more gaps", "the page lists them all")


def look_at_gateways(session: Session) -> Generator[Finding]:
    """Yield which gateways are away, and what they complain of."""
    retired = select(Equipment.gateway_id).where(
        Equipment.key == Gateway.key, Equipment.retired_at.is_not(None)
    )
    gateways = session.scalars(
        select(Gateway).where(Gateway.id.not_in(retired)).order_by(Gateway.key)
    ).all()
    if not gateways:
        yield warn("gateways", "none has ever reported", "enrol one: docs/install.md")
        return
    silent = [one for one in gateways if not one.online]
    if not silent:
        yield ok("gateways", f"all {len(gateways)} are there")
    for one in silent[:_MANY]:
        yield warn(
            "gateways",
            f"{one.key} is away since {rfc3339(one.since_at)}",
            "on it: systemctl status plantroom-agent; retire it on the page if it is gone",
        )
    if len(silent) > _MANY:
        yield warn("gateways", f"{len(silent) - _MANY} more are away", "the page lists them")
    for one in [one for one in gateways if one.problem or one.refused][:_MANY]:
        what = one.problem or f"brings more than it may: {one.refused}"
        yield warn("gateways", f"{one.key}: {what}", "see docs/gateway.md")


def look_at_outbox(session: Session, now: int) -> Generator[Finding]:
    """Yield how many messages wait, since when, and how many were given up."""
    under_way = Message.state.in_(("pending", "sending"))
    count, oldest = session.execute(
        select(func.count(), func.min(Message.next_attempt_at)).where(under_way)
    ).one()
    late_ms = now - (oldest or now)
    if count and late_ms > _OVERDUE_MS:
        yield warn(
            "outbox",
            f"{count} messages wait, the oldest should have left {late_ms // 60_000} minutes ago",
            "see the channels on the page, and the log: journalctl -u plantroom-server",
        )
    else:
        yield ok("outbox", f"{count} messages under way")
    dead = session.scalar(
        select(func.count()).where(Message.state == "dead", Message.created_at > now - _WEEK_MS)
    )
    if dead:
        yield warn(
            "outbox",
            f"{dead} messages of the last week were given up",
            "see why: GET /api/v1/messages?state=dead",
        )


def _soundness(connection: Connection) -> Generator[Finding]:
    if connection.dialect.name != "sqlite":
        yield ok("records", f"the server answers: {_version(connection)}")
        return
    said = connection.scalars(text("PRAGMA quick_check(5)")).all()
    if said == ["ok"]:
        yield ok("records", "quick_check finds no damage")
    else:
        yield bad(
            "records",
            f"damaged: {'; '.join(map(str, said))}",
            "stop the server and put back a backup: plantroom server restore --help",
        )


def _size(connection: Connection) -> float:
    """Return megabytes."""
    if connection.dialect.name == "sqlite":
        query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    else:
        query = "SELECT pg_database_size(current_database())"
    return float(connection.scalar(text(query)) or 0) / 1e6


def _version(connection: Connection) -> str:
    return str(connection.scalar(text("SHOW server_version")))
