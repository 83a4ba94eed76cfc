"""/a/...: one-time links of messages: a page to confirm, then the acknowledgement. No login.

Looking changes nothing, because mail filters and chat programs look at every link before anybody
reads it; only the button acknowledges.
"""

from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from server.api.context import Services, Use
from server.api.plain import Frame, page
from server.core.records import record_event
from server.core.upsert import insert_new
from server.incidents.model import Incident
from server.incidents.service import acknowledge_incident
from server.messages.links import PATH, is_genuine, message_id_of
from server.messages.model import Message, UsedLink

router = APIRouter(include_in_schema=False)

Code = Annotated[str, Path(max_length=100)]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "acknowledge": ("确认收到", "Acknowledge"),
    "ask": ("确认后不再通知其他人。", "Nobody else is called after that."),
    "done": ("已确认。谢谢。", "Acknowledged, thank you."),
    "used": ("此链接已使用。", "This link was used already."),
    "closed": ("此事件已结束。", "This incident is over."),
    "expired": ("此链接已过期。请登录处理。", "This link is over; log in instead."),
    "wrong": ("此链接无效。", "This link is not valid."),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What a genuine link leads to."""

    message: Message
    incident: Incident
    used: bool
    expired: bool


@router.get(PATH + "{code}")
def show_link(code: Code, use: Use) -> HTMLResponse:
    """Show what would be acknowledged."""
    return use.records.read(lambda session: _shown(_find(session, code, use)))


@router.post(PATH + "{code}")
def use_link(code: Code, use: Use) -> HTMLResponse:
    """Acknowledge, once."""

    def change(session: Session) -> HTMLResponse:
        found = _find(session, code, use)
        if found is None or found.expired or found.used or found.incident.closed_at is not None:
            return _shown(found)
        now, message = use.clock.now_ms(), found.message
        if not insert_new(session, UsedLink, message_id=message.id, used_at=now):
            return _page(found, "used")
        acknowledge_incident(session, found.incident.id, by=message.receiver, now=now)
        record_event(
            session,
            at=now,
            topic="audit",
            kind="link.used",
            subject_id=message.id,
            by=message.receiver,
            payload={"incident_id": found.incident.id, "address": message.address},
        )
        return _page(found, "done")

    return use.records.write(change)


def _find(session: Session, code: str, use: Services) -> _Found | None:
    """Return what the code leads to; None unless it is genuine."""
    key, message_id = use.links, message_id_of(code)
    if key is None or message_id is None:
        return None
    message = session.get(Message, message_id)
    if message is None or message.incident_id is None:
        return None
    if not is_genuine(code, secret=key.secret, message_id=message.id, key=message.key):
        return None
    return _Found(
        message=message,
        incident=session.get_one(Incident, message.incident_id),
        used=session.get(UsedLink, message.id) is not None,
        expired=use.clock.now_ms() >= key.expires_at(message.created_at),
    )


def _shown(found: _Found | None) -> HTMLResponse:
    if found is None:
        return _page(None, "wrong", status=HTTPStatus.NOT_FOUND)
    if found.used:
        return _page(found, "used")
    if found.incident.closed_at is not None:
        return _page(found, "closed")
    if found.expired:
        return _page(found, "expired", status=HTTPStatus.GONE)
    return _page(found, "ask", button=True)


def _page(
    found: _Found | None, word: str, *, button: bool = False, status: int = HTTPStatus.OK
) -> HTMLResponse:
    english = found is not None and found.message.language == "en"
    say = {name: words[1 if english else 0] for name, words in _WORDS.items()}
    title = ""
    if found is not None:
        title = found.incident.title_en if english else found.incident.title_zh
    form = (
        f'<form method="post"><button type="submit">{say["acknowledge"]}</button></form>'
        if button
        else ""
    )
    frame = Frame("en" if english else "zh", "..")
    body = f"<h1>{escape(title) or 'Plantroom'}</h1><p>{say[word]}</p>{form}"
    return page(frame, "Plantroom", body, status=status)
