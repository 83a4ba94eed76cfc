"""The agent file: read and checked, and handed to the process that runs what it says (ADR-59).

``python -m edge_agent.agent_file FILE`` reads it for a gateway that runs: the answer is on stdout.
"""

import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from config.errors import ConfigError
from config.gateway import REFUSED, Gateway
from config.load import load_agent
from config.point_kinds import AnyPoint
from edge_agent.polling.availability_store import points_digest

_Known = dict[bytes, AnyPoint]


def load(file: Path) -> Gateway:
    """Load an agent file; without journal.path the journal is where systemd keeps our state.

    Raises:
        ConfigError: It is wrong.
    """
    # systemd names several directories with colons between them; the first is the unit's own.
    state_dir = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return load_agent(file, state_dir=Path(state_dir) if state_dir else None)


def loaded(file: Path) -> Gateway:
    """Load an agent file, or print what is wrong with it and exit with 2."""
    try:
        return load(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(REFUSED)


def packed(gateway: Gateway) -> bytes:
    """Return a gateway as ``edge_agent.running`` takes it, with all that takes models to say.

    Points that devices have alike are one object in it: they are most of what it keeps.
    """
    known: _Known = {}
    devices = {
        name: replace(
            device, points_digest=points_digest(device), points=_shared(device.points, known)
        )
        for name, device in gateway.devices.items()
    }
    return pickle.dumps(replace(gateway, devices=devices), protocol=pickle.HIGHEST_PROTOCOL)


def _shared(points: Mapping[str, AnyPoint], known: _Known) -> dict[str, AnyPoint]:
    """Return the points, each as it was first met; by their bytes, since not all can be hashed."""
    return {name: known.setdefault(pickle.dumps(said), said) for name, said in points.items()}


if __name__ == "__main__":
    try:
        answer, status = packed(load(Path(sys.argv[1]))), 0
    except ConfigError as refusal:
        answer, status = str(refusal).encode(), REFUSED
    sys.stdout.buffer.write(answer)
    sys.exit(status)
