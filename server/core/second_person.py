"""What two persons decide: one proposes, another one confirms within a time; pure."""

from server.core.errors import ConflictError, ForbiddenError


def check_second(what: str, *, first: str, second: str, until: int, at: int) -> None:
    """Go on when somebody may be the second person.

    Args:
        what: What was proposed, in words.
        first: Who proposed it.
        second: Who would confirm it.
        until: The end of its time, UTC ms.
        at: UTC ms.

    Raises:
        ConflictError: Its time is over.
        ForbiddenError: The second person is the first one.
    """
    if at >= until:
        raise ConflictError(f"{what} was to be confirmed sooner; give it again")
    if second == first:
        raise ForbiddenError(f"another person than {second} has to confirm {what}")
