"""The ingest processes of a house that is divided: each part is somebody's, and works."""

from collections.abc import Generator, Mapping

from server.core.shard import Shard
from server.doctor.condition import Condition
from server.doctor.finding import Finding, bad, ok
from server.doctor.machine import look_at_parts


def look_at_shards(
    held: Mapping[Shard, str], here: Mapping[Shard, Condition]
) -> Generator[Finding]:
    """Yield who ingests what, and what those of this machine say of their parts.

    Args:
        held: Who ingests what, at least one.
        here: What those say that can be asked from here.
    """
    count = next(iter(held)).count
    for shard in (Shard(number, count) for number in range(1, count + 1)):
        unit = f"plantroom-ingest@{shard.number}-{shard.count}"
        if shard not in held:
            yield bad(
                "server",
                f"shard {shard} is ingested by nobody: its gateways keep their readings, and no "
                "alarm of its sites is raised",
                f"start it: systemctl start {unit}",
            )
        elif shard not in here:
            yield ok("server", f"{held[shard]}: runs elsewhere, ask the doctor there")
        else:
            yield ok("server", f"shard {shard} runs as process {here[shard].pid}")
            log = f"journalctl -u {unit}"
            yield from look_at_parts(here[shard], log=log, whose=f"shard {shard}: ")
