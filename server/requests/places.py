"""Places with a code to scan, and the short-lived tokens of the forms that they give out."""

import hashlib
import hmac
import secrets
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import Room, Site
from server.core.errors import ArgumentError, ConflictError, NotFoundError
from server.core.records import record_event
from server.requests.model import RequestPlace

PLACE_PATH = "/r/"
"""Begin of the address of a place; its code follows."""
TOKEN_MS = 1_800_000
"""A form is good for half an hour."""
_CODE_BYTES = 12
_SECRET_BYTES = 32
_NONCE_BYTES = 12
_MAC = 32
"""Characters of a signature."""


class Made(NamedTuple):
    """A place, and whether it is new."""

    place: RequestPlace
    new: bool


def make_place(
    session: Session, site_id: int, *, room: Room | None, building: str, by: str, now: int
) -> Made:
    """Return the place of a room, a building or an estate; it has one code until that is ended.

    Raises:
        ArgumentError: No room of the estate is in that building.
    """
    if room is None and building:
        known = select(Room.id).where(Room.site_id == site_id, Room.building == building)
        if session.scalar(known.limit(1)) is None:
            raise ArgumentError("building", f"no room of this estate is in {building!r}")
    session.scalar(select(Site.id).where(Site.id == site_id).with_for_update())
    same = select(RequestPlace).where(
        RequestPlace.site_id == site_id,
        RequestPlace.room_id.is_(None) if room is None else RequestPlace.room_id == room.id,
        RequestPlace.building == building,
        RequestPlace.ended_at.is_(None),
    )
    place = session.scalar(same)
    if place is not None:
        return Made(place, new=False)
    place = RequestPlace(
        site_id=site_id,
        room_id=None if room is None else room.id,
        building=building,
        code=secrets.token_urlsafe(_CODE_BYTES),
        secret=secrets.token_hex(_SECRET_BYTES),
        made_at=now,
        made_by=by,
    )
    session.add(place)
    session.flush()
    _record(session, place, kind="request-place.made", by=by, now=now)
    return Made(place, new=True)


def end_place(session: Session, place: RequestPlace, *, by: str, now: int) -> None:
    """Let a code lead nowhere from now on.

    Raises:
        ConflictError: It does so already.
    """
    if place.ended_at is not None:
        raise ConflictError(f"request place {place.id} is ended")
    place.ended_at = now
    _record(session, place, kind="request-place.ended", by=by, now=now)


def place_of_code(session: Session, code: str) -> RequestPlace:
    """Return the place to which a code leads.

    Raises:
        NotFoundError: It leads nowhere.
    """
    query = select(RequestPlace).where(RequestPlace.code == code, RequestPlace.ended_at.is_(None))
    place = session.scalar(query)
    if place is None:
        raise NotFoundError("this code leads nowhere")
    return place


def rooms_at(session: Session, place: RequestPlace, *, most: int | None = None) -> list[Room]:
    """Return the rooms for which requests are made at a place, by their keys; all, or so many."""
    if place.room_id is not None:
        return [session.get_one(Room, place.room_id)]
    query = select(Room).where(Room.site_id == place.site_id)
    if place.building:
        query = query.where(Room.building == place.building)
    return list(session.scalars(query.order_by(Room.key).limit(most)))


def room_at(session: Session, place: RequestPlace, text: str) -> Room:
    """Return the room that somebody has typed at a place.

    Raises:
        NotFoundError: There is none there, or several are called so.
    """
    rooms = rooms_at(session, place)
    if place.room_id is not None:
        return rooms[0]
    wanted = _plain(text)
    found = [one for one in rooms if wanted in {_plain(one.key), _plain(one.name)}]
    if not wanted or len(found) != 1:
        raise NotFoundError("no room is called so here")
    return found[0]


def new_token(place: RequestPlace, now: int) -> str:
    """Return what a form of the place carries: when it was given out, and once."""
    said = f"{now}.{secrets.token_urlsafe(_NONCE_BYTES)}"
    return f"{said}.{_signed(place, said)}"


def is_fresh(place: RequestPlace, token: str, now: int) -> bool:
    """Return whether a form was given out by the place, and not too long ago."""
    said, _, mac = token.rpartition(".")
    begin = said.partition(".")[0]
    if not hmac.compare_digest(_signed(place, said).encode(), mac.encode(errors="replace")):
        return False
    return 0 <= now - int(begin) <= TOKEN_MS


def _signed(place: RequestPlace, said: str) -> str:
    secret = bytes.fromhex(place.secret)
    return hmac.new(secret, said.encode(errors="replace"), hashlib.sha256).hexdigest()[:_MAC]


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _record(session: Session, place: RequestPlace, *, kind: str, by: str, now: int) -> None:
    payload = {"id": place.id, "building": place.building, "room_id": place.room_id}
    record_event(
        session, at=now, topic="audit", kind=kind, subject_id=place.id, by=by, payload=payload
    )
