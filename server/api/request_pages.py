"""The residents' pages as markup: the form, and what became of a request. No script, no cookie."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse

from server.api.plain import Frame, page
from server.api.request_words import Words
from server.requests.faults import FAULTS
from server.workorders.states import OrderState

FIELDS: Final = ("room", "fault", "text", "name", "phone", "wished")
LONGEST: Final = {"room": 64, "text": 1000, "name": 60, "phone": 30}
_STEPS: Final = ("received", "taken", "working", "done", "closed")
_STEP_OF: Final = {
    OrderState.OPEN: 0,
    OrderState.DISPATCHED: 0,
    OrderState.ACCEPTED: 1,
    OrderState.ON_SITE: 2,
    OrderState.IN_PROGRESS: 2,
    OrderState.WAITING: 2,
    OrderState.COMPLETED: 3,
    OrderState.VERIFIED: 3,
    OrderState.CALLED_BACK: 4,
    OrderState.CLOSED: 4,
    OrderState.CANCELLED: None,
}


class Form(NamedTuple):
    """A form as it is shown."""

    place: str
    """Where it is for: the estate, and its building or room."""
    token: str
    rooms: Sequence[str] = ()
    """Keys that may be named; with none ``asks_room`` says whether there is a field at all."""
    asks_room: bool = False
    values: Mapping[str, str] = {}
    wrong: Sequence[str] = ()
    """Fields that are wrong."""
    note: str = ""
    """Word of what is said at the top."""


class Status(NamedTuple):
    """What a resident is told of its request, and no more."""

    fault_en: str
    fault_zh: str
    state: OrderState
    taken_at: int
    comes_at: int | None
    zone: ZoneInfo
    photos: int
    may_add: bool


def form_page(words: Words, form: Form, *, status: int = HTTPStatus.OK) -> HTMLResponse:
    """Return the form."""
    notes = [words(form.note)] if form.note else []
    if form.wrong:
        notes = [words("correct"), *(words(f"wrong_{name}") for name in form.wrong)]
    said = "".join(f"<p>{escape(one)}</p>" for one in notes)
    alert = f'<div class="wrong" role="alert">{said}</div>' if notes else ""
    fields = [
        _room_field(words, form),
        _label(words, "fault", _faults(words, form)),
        _label(words, "text", _area(form, "text")),
        _label(words, "name", _input(form, "name", 'autocomplete="name" required')),
        _label(words, "phone", _input(form, "phone", 'type="tel" autocomplete="tel" required')),
        _label(words, "wished", _input(form, "wished", 'type="datetime-local"')),
    ]
    body = (
        f"{_top(words, words('title'))}"
        f'<p class="quiet">{escape(form.place)}</p>{alert}<p>{words("intro")}</p>'
        f'<p class="quiet">{words("emergency")}</p><form method="post" novalidate>'
        f'<input type="hidden" name="token" value="{escape(form.token)}">'
        f'{"".join(fields)}<p class="quiet">{words("privacy")}</p>'
        f'<button type="submit">{words("send")}</button></form>'
    )
    return page(Frame(words.language, ".."), words("title"), body, status=status)


def status_page(words: Words, code: str, found: Status) -> HTMLResponse:
    """Return what became of a request; nothing says whose it is or where."""
    fault = words.pick(found.fault_en, found.fault_zh)
    lines = [f"{words('reported')}: {_local(found.taken_at, found.zone)}"]
    if found.comes_at is not None:
        lines.append(f"{words('comes')}: {_local(found.comes_at, found.zone)}")
    reached = _STEP_OF[found.state]
    if reached is None:
        steps = f"<p><strong>{words('cancelled')}</strong></p>"
    else:
        steps = f"<ol>{''.join(_step(words, n, reached) for n in range(len(_STEPS)))}</ol>"
    if found.state is OrderState.WAITING:
        steps += f"<p>{words('waits')}</p>"
    body = (
        f"{_top(words, words('status'))}<p>{words('thanks')}</p>"
        f"<p><strong>{escape(fault)}</strong></p>"
        f'<p class="quiet">{"<br>".join(map(escape, lines))}</p>{steps}'
        f"{_photos(words, code, found)}"
    )
    frame = Frame(words.language, "../..")
    return page(frame, words("status"), body)


def note_page(
    words: Words, word: str, *, root: str, status: int, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """Return a page that says one thing."""
    body = f"<h1>{words('title')}</h1><p>{words(word)}</p>"
    frame = Frame(words.language, root)
    return page(frame, words("title"), body, status=status, headers=headers)


def _top(words: Words, title: str) -> str:
    other = "zh" if words.language == "en" else "en"
    tag = "zh-CN" if other == "zh" else "en"
    link = f'<a href="?lang={other}" lang="{tag}">{words("other_language")}</a>'
    return f'<div class="top"><h1>{title}</h1>{link}</div>'


def _label(words: Words, name: str, field: str) -> str:
    return f'<label for="{name}">{words(name)}</label>{field}'


def _room_field(words: Words, form: Form) -> str:
    if not form.asks_room:
        return ""
    more = f'autocomplete="off" required placeholder="{words("room_hint")}"'
    if not form.rooms:
        return _label(words, "room", _input(form, "room", more))
    options = "".join(f'<option value="{escape(one)}">' for one in form.rooms)
    listed = f'<datalist id="rooms">{options}</datalist>'
    return _label(words, "room", _input(form, "room", f'{more} list="rooms"') + listed)


def _input(form: Form, name: str, more: str) -> str:
    longest = f' maxlength="{LONGEST[name]}"' if name in LONGEST else ""
    value = escape(form.values.get(name, ""))
    return (
        f'<input id="{name}" name="{name}" value="{value}"{longest}{_invalid(form, name)} {more}>'
    )


def _area(form: Form, name: str) -> str:
    value = escape(form.values.get(name, ""))
    longest = f'maxlength="{LONGEST[name]}"'
    return f'<textarea id="{name}" name="{name}" {longest}{_invalid(form, name)}>{value}</textarea>'


def _faults(words: Words, form: Form) -> str:
    chosen = form.values.get("fault", "")
    options = [f'<option value="">{words("choose")}</option>']
    for one in FAULTS.values():
        mark = " selected" if one.key == chosen else ""
        name = escape(words.pick(one.name_en, one.name_zh))
        options.append(f'<option value="{one.key}"{mark}>{name}</option>')
    more = f"required{_invalid(form, 'fault')}"
    return f'<select id="fault" name="fault" {more}>{"".join(options)}</select>'


def _invalid(form: Form, name: str) -> str:
    return ' aria-invalid="true"' if name in form.wrong else ""


def _step(words: Words, number: int, reached: int) -> str:
    here = ' aria-current="step"' if number == reached else ""
    mark = "✓ " if number < reached else ""
    return f"<li{here}>{mark}{words(f'step_{_STEPS[number]}')}</li>"


def _photos(words: Words, code: str, found: Status) -> str:
    there = f'<p class="quiet">{words("photos").format(n=found.photos)}</p>' if found.photos else ""
    if not found.may_add:
        return there
    return (
        f'{there}<form method="post" enctype="multipart/form-data" action="{escape(code)}/photos">'
        f'<label for="photo">{words("photo")}</label>'
        '<input id="photo" name="photo" type="file" accept="image/jpeg,image/png,image/webp" '
        f'required><button type="submit">{words("photo_send")}</button></form>'
    )


def _local(at: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M}"
