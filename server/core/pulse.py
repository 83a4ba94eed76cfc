"""Whether something answers that may hang: one question at a time, and nobody waits for long."""

import asyncio
from collections.abc import Callable

_PATIENCE_S = 5.0


class Pulse:
    """Asks in a thread. A question without an answer keeps that thread and no second one."""

    def __init__(self, ask: Callable[[], bool], *, patience_s: float = _PATIENCE_S) -> None:
        """Prepare.

        Args:
            ask: Returns whether it answers; may take for ever.
            patience_s: Who has not answered by then does not, seconds.
        """
        self._ask = ask
        self._patience_s = patience_s
        self._asked: asyncio.Future[bool] | None = None

    async def beats(self) -> bool:
        """Return whether it answers now."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._ask))
        asked = self._asked
        done, _ = await asyncio.wait({asked}, timeout=self._patience_s)
        return asked.result() if done else False
