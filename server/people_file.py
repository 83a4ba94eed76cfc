"""Persons, rosters and policies from a file: the first set-up, before the server has ever run."""

from functools import partial
from pathlib import Path

from config.load_server import load_people
from config.server import ServerSettings
from server.core.audit import Actor
from server.core.clock import Clock
from server.core.errors import ServerError
from server.core.records import Records
from server.core.schema import upgrade
from server.people.channels import channel_names
from server.people.coverage import CoverageGap
from server.people.service import import_people

_BY = "plantroom server people"


def import_file(settings: ServerSettings, path: Path, clock: Clock) -> list[CoverageGap]:
    """Take over the file and return the gaps that it accepts; may be repeated.

    Raises:
        ConfigError: The file is wrong; the message lists all of its problems.
        ServerError: It leaves gaps that it does not accept, or the records cannot be written.
    """
    people = load_people(path)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(f"data_dir {settings.data_dir}: {error.strerror}") from error
    upgrade(settings.records.url)
    channels = channel_names(settings.messages)
    with Records.open(settings.records.url) as records:
        return records.acting(Actor(clock.now_ms(), _BY, _BY)).write(
            partial(import_people, people=people, by=_BY, now=clock.now_ms(), channels=channels)
        )
