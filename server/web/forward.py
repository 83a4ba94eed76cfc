"""Requests that change something are carried out by the server's own process.

It alone writes the records, and its alarm chain hears of the change at once.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.admission import TRIAL_PATH
from server.api.bodies import longest_body, read_all
from server.api.context import SAFE
from server.api.gate import CARRIED_OUT_ELSEWHERE
from server.api.principals import Principals
from server.core.errors import StoreError
from server.core.problem import ProblemError, answer_for
from server.web.asgi import request_frame, response_messages
from server.web.link import Link

_LONGEST_S = 30.0


class Forward:
    """ASGI middleware behind the gate; what only reads passes it."""

    def __init__(self, app: ASGIApp, link: Link, principals: Principals) -> None:
        self._app = app
        self._link = link
        self._principals = principals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a change over and pass the answer on."""
        # A trial reads a year of history and changes nothing.
        if scope["type"] != "http" or scope["method"] in SAFE or scope["path"] == TRIAL_PATH:
            await self._app(scope, receive, send)
            return
        scope["state"][CARRIED_OUT_ELSEWHERE] = True
        frame = request_frame(scope, await read_all(receive, most=longest_body(scope)))
        try:
            answer = await self._link.call(frame, timeout_s=_LONGEST_S)
        except StoreError:
            error = ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the server did not answer; look whether the change was made before trying again",
                {"Retry-After": "5"},
            )
            await answer_for(error)(scope, receive, send)
            return
        finally:
            self._principals.forget()
        for message in response_messages(answer):
            await send(message)
