"""Comparing and hashing passwords for the endpoints: slowly for who guesses, bounded for all."""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from fastapi import Request
from starlette.types import Scope

from server.access.passwords import check_password, hash_password
from server.access.tries import (
    Budget,
    budgets_of_beginning,
    give_back_try,
    take_try,
    wait_ms,
)
from server.api.context import services_of
from server.api.peer import client_address
from server.core.clock import Clock
from server.core.errors import InvalidError
from server.core.password_lane import BusyError, PasswordLane
from server.core.problem import FieldError, ProblemError
from server.core.records import Records

T = TypeVar("T")


class Doorkeeper:
    """Compares passwords and counts tries; the records have these, for all processes."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self.lane = PasswordLane()
        self._records = records
        self._clock = clock

    async def work(self, work: Callable[[], T], *, known: bool = False) -> T:
        """Run what costs a hash when its turn comes.

        Raises:
            ProblemError: 503, too many wait.
        """
        with _refused_when_busy():
            return await self.lane.run(work, known=known)

    async def choose(self, password: str, *, name: str, field: str, alone: bool = True) -> str:
        """Return the hash of a password that somebody chooses.

        Args:
            password: The password.
            name: Of the login; a password that is made of it is refused.
            field: Where it stands in the request.
            alone: There is no second factor.

        Raises:
            FieldError: It may not be chosen.
        """

        def checked() -> str:
            check_password(password, name=name, alone=alone)
            return hash_password(password)

        try:
            return await self.work(checked, known=True)
        except InvalidError as error:
            raise FieldError(field, str(error)) from error

    async def hash(self, password: str) -> str:
        """Hash a password that was made at random; for somebody who is logged in."""
        return await self.work(lambda: hash_password(password), known=True)

    async def begin(self, address: str) -> None:
        """Count a step of a login by the provider.

        Raises:
            ProblemError: 429, there were too many from there.
        """
        _refuse(await self.count(budgets_of_beginning(address)), "logins were begun")

    async def count(self, budgets: Sequence[Budget]) -> int:
        """Take a try and return 0, or write nothing and return for how long there is none, ms."""
        return await self._wait(budgets) or await self._take(budgets)

    async def take(self, budgets: Sequence[Budget], *, known: bool = False) -> None:
        """Count a try of a password; whoever is refused costs no write.

        Args:
            budgets: What it is counted against.
            known: As of ``work``.

        Raises:
            ProblemError: 429, there were too many; 503, too many wait.
        """
        _refuse(await self._wait(budgets), "failed logins")
        with _refused_when_busy():
            self.lane.refuse_when_full(known=known)
        _refuse(await self._take(budgets), "failed logins")

    async def give_back(self, budgets: Sequence[Budget]) -> None:
        """The try does not count."""
        give_back = partial(give_back_try, budgets=budgets)
        await self._records.write_async(give_back, durable=False)

    async def _wait(self, budgets: Sequence[Budget]) -> int:
        now = self._clock.now_ms()
        return await self._records.read_async(partial(wait_ms, budgets=budgets, now=now))

    async def _take(self, budgets: Sequence[Budget]) -> int:
        take = partial(take_try, budgets=budgets, now=self._clock.now_ms())
        return await self._records.write_async(take, durable=False)


@contextmanager
def _refused_when_busy() -> Generator[None]:
    try:
        yield
    except BusyError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too many logins at once; try again in a second",
            {"Retry-After": "1"},
        ) from error


def _refuse(wait: int, what: str) -> None:
    if wait > 0:
        wait_s = str(math.ceil(wait / 1000))
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"too many {what}; try again in {wait_s} s",
            {"Retry-After": wait_s},
        )


def doorkeeper_of(request: Request) -> Doorkeeper:
    """Return the application's own."""
    keeper: Doorkeeper = request.app.state.doorkeeper
    return keeper


def address_of(scope: Scope) -> str:
    """Return from where a request comes."""
    return client_address(scope, services_of(scope).settings.http.trusted_proxies)
