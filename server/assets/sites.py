"""What people call an estate."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import Site
from server.core.errors import NotFoundError
from server.core.records import record_event


def name_site(
    session: Session, key: str, *, name_zh: str | None, name_en: str | None, by: str, now: int
) -> Site:
    """Give an estate its names; messages use them from then on.

    An empty name is taken back; None leaves the one that it has.

    Raises:
        NotFoundError: No gateway of such an estate was ever heard.
    """
    site = session.scalar(select(Site).where(Site.key == key).with_for_update())
    if site is None:
        raise NotFoundError(f"no site {key!r}")
    site.name_zh = site.name_zh if name_zh is None else name_zh
    site.name_en = site.name_en if name_en is None else name_en
    told = {"key": key, "name_zh": site.name_zh, "name_en": site.name_en}
    record_event(session, at=now, topic="audit", kind="site.named", by=by, payload=told)
    return site
