"""How long an answer is waited for: told by whoever asks, looked at by whoever asks a store.

It belongs to the thread that answers, so what lies between needs not know of it.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import NamedTuple

from server.core.clock import Clock
from server.core.errors import StoreError


class _Patience(NamedTuple):
    clock: Clock
    until_s: float


_PATIENCE: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def waited_for(clock: Clock, until_s: float) -> Generator[None]:
    """Let what is asked of a store in here end by an instant of the clock, monotonic seconds."""
    token = _PATIENCE.set(_Patience(clock, until_s))
    try:
        yield
    finally:
        _PATIENCE.reset(token)


def rest_s() -> float:
    """Return for how long the answer is still waited for; infinity: for as long as it takes.

    Raises:
        StoreError: Nobody waits any more.
    """
    patience = _PATIENCE.get()
    if patience is None:
        return inf
    rest = patience.until_s - patience.clock.monotonic_s()
    if rest <= 0:
        raise StoreError("the history took too long: ask for a shorter range or for fewer points")
    return rest


@contextmanager
def in_time(end: Callable[[], object]) -> Generator[None]:
    """Have ``end`` called from another thread when nobody waits any more.

    Raises:
        StoreError: Nobody does.
    """
    rest = rest_s()
    if rest == inf:
        yield
        return
    timer = threading.Timer(rest, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
