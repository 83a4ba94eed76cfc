"""What goes wrong above the applications.

DemoError
    ChildError             a process that the demo needs did not start or died
"""

from protocols.errors import PlantroomError


class DemoError(PlantroomError):
    """The demo cannot go on; the message says why and what helps."""


class ChildError(DemoError):
    """A process that is needed did not start or died; the message ends with its last output."""
