"""The honest floor: pymodbus and paho in one asyncio loop; no journal, no Sparkplug."""

import asyncio
import json
import struct
import sys
import time

import paho.mqtt.client as mqtt
from pymodbus.client import AsyncModbusTcpClient

REGISTERS = 40
_FLOATS = struct.Struct(">20f")
_WORDS = struct.Struct(">40H")


async def poll(number: int, port: int, period_s: float, publisher: mqtt.Client) -> None:
    """Read one device each period and publish its 20 values as one JSON message."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)
    await client.connect()
    due = time.monotonic() + period_s * (number % 50) / 50
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += period_s
        reply = await client.read_holding_registers(0, count=REGISTERS, device_id=1)
        values = _FLOATS.unpack(_WORDS.pack(*reply.registers))
        publisher.publish(
            f"bare/{number}", json.dumps({"at": time.time_ns() // 1_000_000, "values": values})
        )


async def main(broker_port: int, ports: list[int], period_s: float) -> None:
    """Poll all devices until killed."""
    publisher = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", broker_port)
    publisher.loop_start()
    async with asyncio.TaskGroup() as tasks:
        for number, port in enumerate(ports):
            tasks.create_task(poll(number, port, period_s, publisher))


if __name__ == "__main__":
    asyncio.run(
        main(int(sys.argv[1]), [int(p) for p in sys.argv[2].split(",")], float(sys.argv[3]))
    )
