"""Commands of valves, with what each meter wants to be told."""

from typing import NamedTuple

from config.errors import ConfigError
from config.meter_ports import Cjt188Port
from config.protocol import Protocol
from config.valve_codes import codes_of, load_valve_codes
from edge_agent.errors import CommandError
from protocols.cjt188.dialect import Dialect
from protocols.cjt188.requests import Request, set_valve


class ValveTarget(NamedTuple):
    """Where a command goes.

    Attributes:
        meter_type: T.
        dialect: What the maker does differently.
    """

    meter_type: int
    dialect: Dialect

    @property
    def protocol(self) -> Protocol:
        """The protocol in which it is sent."""
        return Protocol.CJT188


class Valves:
    """Builds the commands of one port.

    Codes are read from their file for each command: they are not kept, and a changed one counts at
    once.
    """

    def __init__(self, port: Cjt188Port) -> None:
        self._port = port

    def request(self, meter: str, target: ValveTarget, *, opened: bool) -> Request:
        """Return the request for one meter.

        Raises:
            CommandError: There are no codes for it.
        """
        path = self._port.valve_code_file
        try:
            known = None if path is None else codes_of(load_valve_codes(path), meter)
        except ConfigError as error:
            raise CommandError(str(error)) from error
        if known is None:
            raise CommandError(f"meter {meter}: valve_code_file of its port has no line for it")
        code = known.opens if opened else known.closes
        return set_valve(target.meter_type, meter, code, dialect=target.dialect)
