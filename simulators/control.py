r"""Remote control of a simulation: one JSON object a line over loopback TCP, one line back.

``{"do": "trip", "unit": "pump-2"}`` · ``{"do": "fault", "unit": "room-1", "kind": "offline"}`` ·
``{"do": "set", "unit": "room-1", "point": "temperature", "value": 4.5}`` ·
``{"do": "freeze", "unit": "room-1", "point": "temperature"}`` ·
``{"do": "get", "unit": "pump-1", "point": "flow"}`` · ``{"do": "clear", "unit": "pump-2"}`` ·
``{"do": "clear"}`` (all units) · ``{"do": "cut", "endpoint": "plant-room"}`` · ``{"do": "list"}`` ·
``{"do": "box", "endpoint": "plant-room", "kind": "mute", "seconds": 5}`` (kind none: no fault)
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self, cast

from pydantic import ValidationError

from protocols.errors import PlantroomError
from simulators.estate import BoxStep, Step
from simulators.simulation import Simulation

_HOST = "127.0.0.1"


class LineServer:
    """Listens on loopback while it is entered, and answers each line.

    Attributes:
        host: Always loopback.
        port: TCP port; the chosen one once it is open.
    """

    def __init__(self, answer: Callable[[bytes], dict[str, object]], *, port: int = 0) -> None:
        self.host = _HOST
        self.port = port
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # A line longer than the reader's limit ends the connection like a broken one.
            with suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


class ControlServer(LineServer):
    """The control of a simulation."""

    def __init__(self, simulation: Simulation, *, port: int = 0) -> None:
        super().__init__(partial(obey, simulation), port=port)


def obey(simulation: Simulation, line: bytes) -> dict[str, object]:
    """Do what one line says and return the reply: ``ok`` and ``value`` or ``error``."""
    try:
        return {"ok": True, **_done(simulation, line)}
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return {"ok": False, "error": "; ".join(problems)}
    except (PlantroomError, ValueError) as error:
        return {"ok": False, "error": str(error)}


def _done(simulation: Simulation, line: bytes) -> dict[str, object]:
    parsed: object = json.loads(line)
    if not isinstance(parsed, dict):
        message = "expected a JSON object"
        raise ValueError(message)  # noqa: TRY004 (reported to the caller as a wrong value)
    order = cast("dict[str, object]", parsed)
    match order:
        case {"do": "clear"} if "unit" not in order:
            simulation.clear()
        case {"do": "cut", "endpoint": str(endpoint)}:
            simulation.cut(endpoint)
        case {"do": "box", "endpoint": str(endpoint), "kind": "none"}:
            simulation.box(endpoint, None)
        case {"do": "box", "endpoint": str(endpoint)}:
            rest = {key: value for key, value in order.items() if key not in {"do", "endpoint"}}
            step = BoxStep.model_validate_json(json.dumps(rest), strict=True)
            simulation.box(endpoint, step)
        case {"do": "get", "unit": str(unit), "point": str(point)}:
            return {"value": simulation.get(unit, point)}
        case {"do": "list"}:
            return {"value": _listed(simulation)}
        case _:
            simulation.do(Step.model_validate_json(line, strict=True))
    return {}


def _listed(simulation: Simulation) -> dict[str, object]:
    return {
        name: {"points": sorted(unit.point_names), "events": sorted(unit.equipment.events)}
        for name, unit in simulation.plant.units.items()
    }
