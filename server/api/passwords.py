"""Comparing and hashing passwords for the endpoints: slowly for who guesses, bounded for all."""

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from fastapi import Request
from starlette.types import Scope

from server.api.context import services_of
from server.api.peer import client_address
from server.core.auth import hash_password
from server.core.problem import ProblemError
from server.core.throttle import BusyError, LoginThrottle, PasswordLane

T = TypeVar("T")


class Doorkeeper:
    """What an application keeps of those who log in; in memory only."""

    def __init__(self) -> None:
        self.throttle = LoginThrottle()
        self.lane = PasswordLane()

    async def work(self, work: Callable[[], T], *, known: bool = False) -> T:
        """Run what costs a hash when its turn comes.

        Raises:
            ProblemError: 503, too many wait.
        """
        try:
            return await self.lane.run(work, known=known)
        except BusyError as error:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many logins at once; try again in a second",
                {"Retry-After": "1"},
            ) from error

    async def hash(self, password: str) -> str:
        """Hash a new password; of somebody who is logged in."""
        return await self.work(lambda: hash_password(password), known=True)

    def take(self, address: str, name: str, now_s: float, *, browser: str | None = None) -> None:
        """Count a try.

        Raises:
            ProblemError: 429, there were too many.
        """
        wait = self.throttle.take(address, name, now_s, browser=browser)
        if wait > 0:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many failed logins; try again in {math.ceil(wait)} s",
                {"Retry-After": str(math.ceil(wait))},
            )


def doorkeeper_of(request: Request) -> Doorkeeper:
    """Return the application's own."""
    keeper: Doorkeeper = request.app.state.doorkeeper
    return keeper


def address_of(scope: Scope) -> str:
    """Return from where a request comes."""
    return client_address(scope, services_of(scope).settings.http.trusted_proxies)
