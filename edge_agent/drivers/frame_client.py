"""What the clients and drivers of lines of frames have in common."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, NotRequired, Required, Self, TypedDict, TypeVar, Unpack

from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.frame_exchange import FrameExchange
from edge_agent.drivers.frame_line import Frame, FrameLine
from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.drivers.link import Link
from protocols.frame_stream import FrameStream

Line = TypeVar("Line", bound=FrameLine)


class Wiring(TypedDict, Generic[Frame], total=False):
    """What the client of a line is connected to.

    Attributes:
        open_link: Opens the wire.
        clock: Time.
        outstanding: Requests of this line's earlier users that may still be answered.
        on_late_response: Told of late responses.
    """

    open_link: Required[Callable[[], Awaitable[Link]]]
    clock: Required[Clock]
    outstanding: NotRequired[OutstandingRequests[Frame] | None]
    on_late_response: NotRequired[OnLateResponse]


class FrameClient(ABC, Generic[Frame, Line]):
    """One line in the words of its protocol; see FrameExchange for what it raises and when.

    Args:
        line: How it is spoken on.
        wiring: What it is connected to.
    """

    def __init__(self, *, line: Line, **wiring: Unpack[Wiring[Frame]]) -> None:
        self._exchange = FrameExchange(stream=self.new_stream(), line=line, **wiring)
        self._line = line
        self._clock = wiring["clock"]

    @staticmethod
    @abstractmethod
    def new_stream() -> FrameStream[Frame]:
        """Return what cuts the bytes of a line into frames."""

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exchange.__aexit__(kind, error, traceback)


Client = TypeVar("Client", bound=FrameClient[Any, Any])


class FrameDriver(Generic[Client]):
    """One line as the polling sees it; see ``Driver`` for what it promises.

    Args:
        client: The line.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)
