"""Who of the house hears of a request: whoever has the order, else those on duty."""

from typing import Final

from sqlalchemy.orm import Session

from server.assets.model import Site
from server.people.channels import Channels
from server.people.directory import Directory
from server.people.service import has_persons, load_directory
from server.workorders.model import WorkOrder
from server.workorders.telling import tell_persons

TAKEN: Final = "request.taken"
_WORDS: Final = ("a resident asks for it", "居民报修")


def tell_staff(session: Session, order: WorkOrder, *, channels: Channels, now: int) -> None:
    """Write to those whose work it is; neither name nor number of the resident is in it."""
    if not has_persons(session):
        return
    directory = load_directory(session, channels)
    site = session.get_one(Site, order.site_id)
    tell_persons(
        session,
        order,
        _whom(directory, order, site.key, now=now),
        directory=directory,
        kind=TAKEN,
        # The version is in it: what is opened again is another occasion.
        occasion=f"{TAKEN}/{order.id}/{order.version}",
        words=_WORDS,
        due_at=order.on_site_due_at,
        now=now,
    )


def _whom(directory: Directory, order: WorkOrder, site: str, *, now: int) -> list[str]:
    if order.assignee in directory.people.persons:
        return [order.assignee]
    present = directory.on_duty(site, order.trade, now)
    return present or directory.leaders(site, order.trade, now)
