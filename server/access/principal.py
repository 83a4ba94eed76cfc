"""Who is asking."""

from dataclasses import dataclass

from server.access.roles import Permission, Role
from server.access.scope import EVERYTHING, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller."""

    user_id: int
    name: str
    role: Role
    token_id: int | None = None
    """Set when a token was shown instead of a session cookie."""
    token_used_at: int | None = None
    must_change_password: bool = False
    """It logged in with a one-time password, and may do nothing else before."""
    scope: Scope = EVERYTHING
    person: str | None = None
    """Key of the person of the rosters whose login it is."""
    second_factor: bool = True
    """False: a browser session that was begun with a password alone."""
    permissions: frozenset[Permission] | None = None
    """All that its token is made for; None: whatever the role may."""

    def is_own(self, assignee: str | None) -> bool:
        """Return whether a work order with this assignee is its own."""
        return assignee in self.own_names

    @property
    def own_names(self) -> tuple[str, ...]:
        """Under which names a work order is its own."""
        return (self.name,) if self.person is None else (self.name, self.person)
