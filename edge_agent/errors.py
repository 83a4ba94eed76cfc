"""What goes wrong in the agent.

AgentError
    DriverError            one device or port; the agent keeps running
        PortDownError          the port cannot be opened or is gone
        DeviceTimeoutError     no answer in time; try at the next due time
        DeviceRefusedError     answered with an exception code; asking again is useless
        DeviceGarbageError     answered with something that is not the answer to the request
        CannotAskError         the gateway itself cannot ask: no right, no network, no such name
    JournalError           the journal cannot be read or written
        JournalFullError       it reached its byte limit or the disk is full
        JournalCorruptError    its file is damaged and has to be replaced
    UplinkError            the broker cannot be reached or refuses; try again later
    CommandError           a command is refused; the message says why
"""

from protocols.errors import PlantroomError


class AgentError(PlantroomError):
    """Anything the agent raises on purpose."""


class DriverError(AgentError):
    """One device or port; the agent keeps running.

    Attributes:
        reason: A fixed word for metrics and for the reading's reason.
        went_out: Whether the request may have reached the device.
    """

    reason = "driver_error"
    went_out = True


class PortDownError(DriverError):
    """The port cannot be opened or is gone."""

    reason = "port_down"


class DeviceTimeoutError(DriverError):
    """No answer in time; try at the next due time."""

    reason = "timeout"


class DeviceRefusedError(DriverError):
    """Answered with an exception code; asking the same again is useless.

    Attributes:
        code: Modbus exception code, 2 = illegal data address.
    """

    reason = "refused"

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class DeviceGarbageError(DriverError):
    """Answered with something that is not the answer to the request."""

    reason = "garbage"


class CannotAskError(DriverError):
    """The gateway itself cannot ask: it says nothing of the device."""

    reason = "cannot_ask"
    went_out = False


class JournalError(AgentError):
    """The journal cannot be read or written."""


class JournalFullError(JournalError):
    """The journal reached its byte limit or the disk is full."""


class JournalCorruptError(JournalError):
    """The file is damaged; nothing more can be read from it or written to it."""


class UplinkError(AgentError):
    """The broker cannot be reached or refuses; try again later."""


class CommandError(AgentError):
    """A command is refused; the message says why."""
