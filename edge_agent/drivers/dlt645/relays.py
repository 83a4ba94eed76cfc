"""Relay commands with what each meter wants before it obeys."""

from datetime import UTC, datetime, timedelta
from typing import Final

from config.errors import ConfigError
from config.meter_passwords import load_meter_passwords
from config.meter_ports import Dlt645Port
from edge_agent.clock import Clock
from edge_agent.errors import CommandError
from protocols.dlt645.commands import RelayCommand, relay
from protocols.dlt645.requests import Request

_CLOSE: Final = {"close": RelayCommand.CLOSE, "allow_close": RelayCommand.ALLOW_CLOSE}


def close_command(port: Dlt645Port) -> RelayCommand:
    """Return what a command to close says on this port."""
    return _CLOSE[port.relay_close]


class Relays:
    """Builds the commands of one port.

    Passwords are read from their file for each command: they are not kept, and a changed one counts
    at once.
    """

    def __init__(self, port: Dlt645Port, clock: Clock) -> None:
        self._port = port
        self._clock = clock

    def request(self, meter: str, command: RelayCommand) -> Request:
        """Return the request for one meter.

        Raises:
            CommandError: There is no password for it.
        """
        path = self._port.password_file
        try:
            known = None if path is None else load_meter_passwords(path).of(meter)
        except ConfigError as error:
            raise CommandError(str(error)) from error
        if known is None:
            raise CommandError(f"meter {meter}: password_file of its port has no line for it")
        return relay(
            meter,
            command,
            password=known.password,
            operator=known.operator,
            valid_until=self._valid_until(),
        )

    def _valid_until(self) -> datetime:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).replace(tzinfo=None)
        shown = now + timedelta(hours=self._port.meter_utc_offset_h)
        return shown + timedelta(seconds=self._port.command_valid_s)
