"""The rights of every endpoint as a table that people read: docs/rights.md."""

from collections.abc import Iterable, Mapping
from typing import Final

from server.access.rights import RIGHTS, Reach
from server.access.roles import Permission, Role

_HEAD: Final = """# Rights: every endpoint and every role

Generated; `PLANTROOM_WRITE_SNAPSHOT=1 .venv/bin/python -m pytest tests/contract/api/test_api_rights.py` writes it anew.
The table that decides is in `server/access/rights.py`; each row is proven by requests of every role, inside and outside of
its scope (`make search`; a part of them in `make test`).

| word | means |
|---|---|
| all | allowed, whatever the person's scope |
| scope | allowed on equipment of the person's scope; what is outside is not in lists, and answers 404 by its id |
| own | as scope, and only for work orders that are the person's own or nobody's yet |
| whole | allowed to those only whose scope is everything; 403 to others |
| - | 403 |
| public | needs no login |

"""  # noqa: E501 (a page)


def describe(permissions: Mapping[tuple[str, str], Permission | None]) -> str:
    """Return the page.

    Args:
        permissions: Of each method and path; None is open to all.
    """
    rows = [["endpoint", "permission", *(str(role) for role in Role)]]
    rows.append(["---"] * len(rows[0]))
    for (method, path), permission in sorted(permissions.items(), key=lambda one: one[0][::-1]):
        words: list[str] = ["public"] * len(Role) if permission is None else words_of(permission)
        rows.append([f"`{method} {path}`", str(permission or "public"), *words])
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def words_of(permission: Permission, roles: Iterable[Role] = Role) -> list[str]:
    """Return the words of a permission's row."""
    return [str(Reach(RIGHTS[permission][role])) for role in roles]
