"""/r/...: where residents ask for a repair without a login, and see what became of it.

The code of a place leads to a form, the form's token proves that it was given out there a short
while ago and is good for one request. The code of a status leads to one request and tells nothing
but how far it is. What comes from one address, for one room and to one telephone is bounded.
"""

import math
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from config.phone import phone_problem
from server.access.tries import Budget, TooOftenError, refuse_too_often, take_try, wait_ms
from server.api.context import Services, Use
from server.api.order_records import keep
from server.api.passwords import address_of, doorkeeper_of
from server.api.request_pages import (
    FIELDS,
    LONGEST,
    Form,
    Status,
    form_page,
    note_page,
    status_page,
)
from server.api.request_words import Words
from server.assets.model import Room, Site
from server.core.errors import ConflictError, InvalidError, NotFoundError
from server.messages.addresses import phone_of
from server.people.channels import channel_names
from server.requests.bounds import budgets_of_address, budgets_of_request
from server.requests.faults import FAULTS
from server.requests.model import RepairRequest, RequestPlace
from server.requests.places import is_fresh, new_token, place_of_code, room_at, rooms_at
from server.requests.progress import receiver_of
from server.requests.service import Wish, is_open, request_of_code, sent_before, take_request
from server.workorders.attachments import FileKind, add_file, files_of
from server.workorders.clock import repairs_of
from server.workorders.history import events_of
from server.workorders.model import WorkOrder
from server.workorders.states import OrderState

router = APIRouter(include_in_schema=False)

Code = Annotated[str, Path(max_length=64)]
Language = Annotated[Literal["zh", "en"] | None, Query(alias="lang")]
MOST_PHOTOS = 5
"""Of one request."""
_MOST_LISTED = 300
"""More rooms are not offered by name: whoever lives there knows the number."""


@router.get("/r/{code}")
def show_form(code: Code, request: Request, use: Use, lang: Language = None) -> HTMLResponse:
    """Show the form of a place."""
    words = _words(request, lang)

    def read(session: Session) -> HTMLResponse:
        place = _place(session, code, use)
        return form_page(words, _form(session, place, words, use.clock.now_ms()))

    try:
        return use.records.read(read)
    except NotFoundError:
        return note_page(words, "gone", root="..", status=HTTPStatus.NOT_FOUND)


@router.post("/r/{code}")
async def send_form(code: Code, request: Request, use: Use, lang: Language = None) -> Response:
    """Take what the form says, once; show what is wrong with it."""
    words = _words(request, lang)
    wait = await doorkeeper_of(request).count(budgets_of_address(address_of(request.scope)))
    if wait > 0:
        return _too_many(words, wait, root="..")
    async with request.form(max_files=0, max_fields=20) as form:
        said = {name: str(form.get(name) or "") for name in (*FIELDS, "token")}
        # PostgreSQL keeps no text with a NUL in it.
        values = {name: text.replace("\0", "").strip() for name, text in said.items()}

    def work() -> Response:
        return _take(code, values, use, words)

    return await run_in_threadpool(work)


@router.get("/r/s/{code}")
def show_status(code: Code, request: Request, use: Use, lang: Language = None) -> HTMLResponse:
    """Show how far a request is."""
    words = _words(request, lang)
    return _status_page(use, code, words)


@router.post("/r/s/{code}/photos")
async def send_photo(code: Code, request: Request, use: Use, lang: Language = None) -> Response:
    """Add a photo to a request that is not done yet."""
    words = _words(request, lang)
    wait = await doorkeeper_of(request).count(budgets_of_address(address_of(request.scope)))
    if wait > 0:
        return _too_many(words, wait, root="../../..")
    async with request.form(max_files=1, max_fields=1) as form:
        photo = form.get("photo")
        content = await photo.read() if isinstance(photo, UploadFile) else b""

    def work() -> Response:
        try:
            _add_photo(use, code, content)
        except NotFoundError:
            return note_page(words, "gone", root="../../..", status=HTTPStatus.NOT_FOUND)
        except (InvalidError, ConflictError):
            return note_page(
                words, "wrong_photo", root="../../..", status=HTTPStatus.UNPROCESSABLE_ENTITY
            )
        return RedirectResponse(f"../{code}?lang={words.language}", HTTPStatus.SEE_OTHER)

    return await run_in_threadpool(work)


def _take(code: str, values: dict[str, str], use: Services, words: Words) -> Response:
    """Answer what a form says; only a request that is taken writes anything."""
    now = use.clock.now_ms()

    def change(session: Session) -> Response:
        # Each may be another since it was looked at.
        _place(session, code, use)
        refuse_too_often(take_try(session, budgets, now))
        room = session.get(Room, wish.room.id)
        if room is None:
            raise NotFoundError("the room is gone")
        taken = take_request(
            session,
            replace(wish, room=room),
            settings=use.settings,
            channels=_channels(use),
            now=now,
        )
        return _to_status(taken.request, words)

    try:
        said = use.records.read(lambda session: _look(session, code, values, use, words))
        if isinstance(said, Response):
            return said
        budgets, wish = said
        return use.records.write(change)
    except TooOftenError as error:
        return _too_many(words, error.wait_ms, root="..")
    except NotFoundError:
        return note_page(words, "gone", root="..", status=HTTPStatus.NOT_FOUND)


def _look(
    session: Session, code: str, values: dict[str, str], use: Services, words: Words
) -> Response | tuple[list[Budget], Wish]:
    """Return what the form asks for, and what that is counted against, or what else is answered.

    Raises:
        NotFoundError: The code leads nowhere.
        TooOftenError: There were too many.
    """
    now = use.clock.now_ms()
    place = _place(session, code, use)
    token = values["token"]
    sent = sent_before(session, token)
    if sent is not None:
        return _to_status(sent, words)
    again = _form(session, place, words, now)._replace(values=values)
    if not is_fresh(place, token, now):
        return form_page(
            words, again._replace(note="stale"), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    room, wished_at, wrong = _read(session, place, values, use, now)
    if wrong or room is None:
        # The token was not used: the same form may be sent once it is right.
        return form_page(words, again._replace(wrong=wrong), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    wish = Wish(
        room=room,
        fault=FAULTS[values["fault"]],
        name=values["name"],
        phone=values["phone"],
        text=values["text"],
        language=words.language,
        wished_at=wished_at,
        form_token=token,
    )
    phone = phone_of(wish.phone) or wish.phone
    budgets = budgets_of_request(place=place.id, room=room.id, phone=phone)
    refuse_too_often(wait_ms(session, budgets, now))
    return budgets, wish


def _to_status(row: RepairRequest, words: Words) -> Response:
    to = f"s/{row.status_code}?lang={words.language}"
    return RedirectResponse(to, HTTPStatus.SEE_OTHER)


def _read(
    session: Session, place: RequestPlace, values: dict[str, str], use: Services, now: int
) -> tuple[Room | None, int | None, list[str]]:
    """Return the room, the wished time, and which fields are wrong."""
    wrong: list[str] = []
    room = wished_at = None
    try:
        room = room_at(session, place, values["room"])
    except NotFoundError:
        wrong.append("room")
    if values["fault"] not in FAULTS:
        wrong.append("fault")
    if not 0 < len(values["name"]) <= LONGEST["name"]:
        wrong.append("name")
    if len(values["phone"]) > LONGEST["phone"] or phone_problem(values["phone"]):
        wrong.append("phone")
    if values["wished"]:
        with suppress(ValueError, OverflowError):
            zone = _zone(use)
            local = datetime.strptime(values["wished"], "%Y-%m-%dT%H:%M").replace(tzinfo=zone)
            wished_at = round(local.timestamp() * 1000)
        if wished_at is None or wished_at <= now:
            wrong.append("wished")
    values["text"] = values["text"][: LONGEST["text"]]
    return room, wished_at, wrong


def _form(session: Session, place: RequestPlace, words: Words, now: int) -> Form:
    site = session.get_one(Site, place.site_id)
    rooms = rooms_at(session, place, most=_MOST_LISTED + 1)
    estate = words.pick(site.name_en, site.name_zh) or site.key
    where = rooms[0].key if place.room_id is not None else place.building
    asks = place.room_id is None
    listed = [one.key for one in rooms] if asks and len(rooms) <= _MOST_LISTED else []
    return Form(
        place=" · ".join(filter(None, (estate, where))),
        token=new_token(place, now),
        rooms=listed,
        asks_room=asks,
    )


def _status_page(use: Services, code: str, words: Words) -> HTMLResponse:
    def read(session: Session) -> Status:
        _check_on(use)
        row, order = request_of_code(session, code)
        fault = FAULTS[row.fault]
        photos = _photos(session, row, order)
        return Status(
            fault_en=fault.name_en,
            fault_zh=fault.name_zh,
            state=OrderState(order.state),
            taken_at=row.taken_at,
            comes_at=_comes_at(session, order),
            zone=_zone(use),
            photos=photos,
            may_add=is_open(order) and photos < MOST_PHOTOS,
        )

    try:
        return status_page(words, code, use.records.read(read))
    except NotFoundError:
        return note_page(words, "gone", root="../..", status=HTTPStatus.NOT_FOUND)


def _add_photo(use: Services, code: str, content: bytes) -> None:
    """Write a photo of a resident.

    Raises:
        NotFoundError: The address leads nowhere.
        ConflictError: It is done, or has as many photos as it may.
        InvalidError: It is no image.
    """

    def check(session: Session) -> tuple[RepairRequest, WorkOrder]:
        _check_on(use)
        row, order = request_of_code(session, code)
        if not is_open(order) or _photos(session, row, order) >= MOST_PHOTOS:
            raise ConflictError(f"repair request {row.id} takes no more photos")
        return row, order

    def change(session: Session) -> None:
        row, order = check(session)
        add_file(
            session,
            order.id,
            stored,
            kind=FileKind.PHOTO,
            name=receiver_of(row.id),
            by=receiver_of(row.id),
            now=use.clock.now_ms(),
        )

    use.records.read(check)
    stored = keep(use.settings.data_dir, content, only="image/")
    use.records.write(change)


def _photos(session: Session, row: RepairRequest, order: WorkOrder) -> int:
    return sum(one.added_by == receiver_of(row.id) for one in files_of(session, order.id))


def _comes_at(session: Session, order: WorkOrder) -> int | None:
    """Return when somebody comes, as it was agreed last for this repair."""
    *_, repair = repairs_of(events_of(session, order.id))
    agreed = [one.appointment_at for one in repair.events if one.appointment_at is not None]
    return agreed[-1] if agreed and is_open(order) else None


def _place(session: Session, code: str, use: Services) -> RequestPlace:
    _check_on(use)
    return place_of_code(session, code)


def _check_on(use: Services) -> None:
    if not use.settings.repair_requests.public_page:
        raise NotFoundError("this server takes requests at its desk only")


def _too_many(words: Words, wait: int, *, root: str) -> HTMLResponse:
    headers = {"Retry-After": str(math.ceil(wait / 1000))}
    return note_page(
        words, "too_many", root=root, status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers
    )


def _zone(use: Services) -> ZoneInfo:
    return ZoneInfo(use.settings.work_orders.service_hours.time_zone)


def _channels(use: Services) -> Any:  # noqa: ANN401 (what people's channels are known by)
    return channel_names(use.settings.messages)


def _words(request: Request, chosen: str | None) -> Words:
    """Return the words in the language that was chosen, else the browser's; Chinese by default."""
    told = request.headers.get("accept-language", "").strip().casefold()
    return Words(chosen or ("en" if told.startswith("en") else "zh"))
