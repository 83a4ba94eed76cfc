"""What goes wrong in the server.

ServerError
    NotFoundError          no such thing; 404
    ConflictError          the thing is not in a state that allows it; 409
    InvalidError           the caller's input is wrong; 422 with field and what is allowed
        ArgumentError          what is wrong with one argument
    ForbiddenError         the caller may not; 403
    StoreError             the records or the history cannot be read or written; try again
        StoreAwayError         the server that keeps the history does not answer now
    DowngradeError         a newer program has written the records or the history
    AuditError             the audit was tampered with
    NobodyError            the server has no user, so nobody could log in
"""

from protocols.errors import PlantroomError


class ServerError(PlantroomError):
    """Anything the server raises on purpose."""


class NotFoundError(ServerError):
    """No such thing."""


class ConflictError(ServerError):
    """The thing is not in a state that allows this."""


class InvalidError(ServerError):
    """The caller's input is wrong; the message says where and what is allowed."""


class ArgumentError(InvalidError):
    """One argument is wrong, named as callers name it: ``until``, ``equipment.lift``."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument
        self.message = message


class ForbiddenError(ServerError):
    """The caller may not do this."""


class StoreError(ServerError):
    """The records or the history cannot be read or written; trying again may help."""


class StoreAwayError(StoreError):
    """The server that keeps the history does not answer now; what it holds is not known."""


class DowngradeError(ServerError):
    """A newer program has written this; the message says what to do."""


class AuditError(ServerError):
    """The audit does not fit together; the message names the first row."""


class NobodyError(ServerError):
    """The server has no user, so nobody could log in."""
