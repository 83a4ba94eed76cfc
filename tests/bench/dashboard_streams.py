"""``python -m tests.bench.dashboard_streams PORT TOKEN COUNT EQUIPMENT``: pages, until SIGTERM.

Half of the streams are those of events and the clock, half those of the values of a piece of
equipment, as each page has one of either. Bare sockets, so that it costs little itself.
"""

import asyncio
import json
import sys

from tests.bench.load_clients import request

EVENTS = "alarms,incidents,work-orders,equipment,messages,plans,commands,clock"
_LATER = (b" 429 ", b" 503 ")


class Streams:
    """All of them, and what they have heard."""

    def __init__(self) -> None:
        self.open = 0
        self.bytes = 0

    async def read(self, port: int, path: str, token: str) -> None:
        """Hold one stream open; asked for again when the server has its hands full."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
            writer.write(request(path, token))
            status = await reader.readline()
            if b" 200 " in status:
                break
            writer.close()
            if not any(word in status for word in _LATER):
                message = f"{path}: {status.decode()}"
                raise RuntimeError(message)
            await asyncio.sleep(1)
        self.open += 1
        while chunk := await reader.read(2**18):
            self.bytes += len(chunk)
        message = f"{path} ended"
        raise RuntimeError(message)


async def main(port: int, token: str, count: int, equipment: str) -> None:
    """Open all of them and report each second."""
    streams = Streams()
    paths = (f"stream?topics={EVENTS}", f"stream?topics=values&equipment={equipment}")
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(streams.read(port, paths[number % len(paths)], token))
        while streams.open < count:
            await asyncio.sleep(0.1)
        print('{"event": "ready"}', flush=True)
        while True:
            await asyncio.sleep(1)
            told = {"event": "figures", "streams": streams.open, "mb": streams.bytes // 2**20}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
