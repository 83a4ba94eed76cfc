"""How much may come over the public page, which nobody has to log in to."""

from server.access.tries import Budget, network_of

_MINUTE, _HOUR = 60_000, 3_600_000


def budgets_of_address(address: str) -> list[Budget]:
    """Return what a form or a photo is counted against: 20 at once, then one a minute.

    A whole building may share one address.
    """
    return [Budget(f"request from {network_of(address)}", 20, _MINUTE)]


def budgets_of_request(*, place: int, room: int, phone: str) -> list[Budget]:
    """Return what a request that is taken is counted against.

    At one code 60 at once, then one each 30 s; for one room 6, to one telephone 3, then one an
    hour.
    """
    return [
        Budget(f"request at {place}", 60, _MINUTE // 2),
        Budget(f"request for {room}", 6, _HOUR),
        Budget(key_of_phone(phone), 3, _HOUR),
    ]


def key_of_phone(phone: str) -> str:
    """Return under which key the requests of a telephone are counted."""
    return f"request by {phone}"
