"""``plantroom server``: prepare, check, run."""

import click

from config.lazy_group import LazyGroup, Place

_PLACES = {
    "audit": Place("server.audit_commands:audit", "Who wrote what, and what was refused."),
    "backup": Place(
        "server.backup_commands:backup",
        "Back up records, history and secrets, also while the server runs.",
    ),
    "ca": Place(
        "server.enrol_commands:ca", "Make the certificate authority and the broker's certificate."
    ),
    "check": Place("server.check_command:check", "Say what the file means and what looks wrong."),
    "doctor": Place(
        "server.doctor_command:doctor", "Look at everything that may be wrong, and say what to do."
    ),
    "enrol": Place(
        "server.enrol_commands:enrol", "Give a gateway a certificate and its rights at the broker."
    ),
    "history": Place("server.history_commands:history", "The readings: export, back-fill, verify."),
    "init": Place(
        "server.first_user_commands:init", "Make the tables and the first administrator."
    ),
    "migrate": Place(
        "server.migrate_command:migrate", "Copy the records into another, empty database."
    ),
    "people": Place(
        "server.people_command:people",
        "Take over persons, rosters and escalation policies from a file.",
    ),
    "reset-password": Place(
        "server.first_user_commands:reset_password",
        "Give a person who has forgotten the password another one.",
    ),
    "restore": Place("server.backup_commands:restore_", "Put a backup into empty places."),
    "revoke": Place(
        "server.enrol_commands:revoke", "Take the certificates and rights of a gateway back."
    ),
    "run": Place("server.run_command:run_", "Run until SIGTERM or Ctrl-C."),
}


@click.group(cls=LazyGroup, places=_PLACES)
def cli() -> None:
    """The server: history, alarms, work orders, HTTP.

    \b
    plantroom server check server.yaml
    plantroom server init server.yaml
    plantroom server people server.yaml people.yaml
    plantroom server run server.yaml
    plantroom server doctor server.yaml
    plantroom server backup server.yaml /mnt/backup/plantroom
    plantroom server history export server.yaml march.csv --from 2026-03-01
    plantroom server ca /etc/plantroom/ca --host mqtt.example.org
    plantroom server enrol green-garden/heating-plant
    """  # noqa: D301 (click needs the \b)


if __name__ == "__main__":
    cli()
