"""``python -m server.migrations "what changes"``: propose the next step from the models."""

import sys
import tempfile

from alembic import command

from server.core.records import Records
from server.core.schema import alembic_config, upgrade


def main(what: str) -> None:
    """Compare an empty, upgraded database with the models and write the difference."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/records.sqlite"
        upgrade(url)
        with Records.open(url) as records, records.engine.begin() as connection:
            config = alembic_config(connection)
            command.revision(config, message=what, autogenerate=True)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
