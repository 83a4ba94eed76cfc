"""Who sent these credentials a moment ago, so that a page need not look it up again.

It is forgotten with everything that is committed (a disabled user, a revoked token), with every
change that this process hands on, and after a second, for what other programs write.
"""

from server.access.principal import Principal
from server.core.clock import Clock

_LONGEST_S = 1.0
_MOST = 10_000


class Principals:
    """Credentials that were good, and whose; used in the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Principal, float]] = {}
        self._age = 0

    def find(self, credentials: str) -> Principal | None:
        """Return whose credentials these are, None when that has to be looked up."""
        principal, at_s = self._known.get(credentials, (None, 0.0))
        if principal is None or self._clock.monotonic_s() - at_s > _LONGEST_S:
            return None
        return principal

    @property
    def age(self) -> int:
        """Changes with each ``forget``; what was read under another age is not kept."""
        return self._age

    def keep(self, credentials: str, principal: Principal, *, age: int) -> None:
        """Remember whose credentials these are, unless something was committed since ``age``."""
        if age == self._age and len(self._known) < _MOST:
            self._known[credentials] = (principal, self._clock.monotonic_s())

    def forget(self) -> None:
        """Something was committed: look everybody up again."""
        self._known.clear()
        self._age += 1
