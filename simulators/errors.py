"""What goes wrong in the simulators.

SimulatorError
    UnknownNameError       no such unit, point, event or fault; the message lists those that exist
    IllegalRequestError    a request that a slave answers with an exception code
"""

from protocols.errors import PlantroomError


class SimulatorError(PlantroomError):
    """Anything a simulator raises on purpose."""


class UnknownNameError(SimulatorError):
    """No such unit, point, event or fault; the message lists those that exist."""


class IllegalRequestError(SimulatorError):
    """A request that a slave answers with an exception code.

    Attributes:
        code: 1 function, 2 address, 3 value, 4 device failure, 11 no answer behind a gateway.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code
