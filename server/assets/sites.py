"""What people say of an estate: its names, and what becomes of equipment that leaves."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import Site
from server.core.errors import NotFoundError
from server.core.records import record_event


def change_site(
    session: Session, key: str, changes: Mapping[str, str | float | None], *, by: str, now: int
) -> Site:
    """Change columns of an estate; what is not among the changes stays.

    Raises:
        NotFoundError: No gateway of such an estate was ever heard.
    """
    site = session.scalar(select(Site).where(Site.key == key).with_for_update())
    if site is None:
        raise NotFoundError(f"no site {key!r}")
    for column, value in changes.items():
        setattr(site, column, value)
    payload = {
        "key": key,
        "name_zh": site.name_zh,
        "name_en": site.name_en,
        "retire_removed_after_days": site.retire_removed_after_days,
    }
    record_event(session, at=now, topic="audit", kind="site.changed", by=by, payload=payload)
    return site
