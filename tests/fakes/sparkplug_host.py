"""A Sparkplug host for tests: hears everything a node says, answers when told to."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from protocols.sparkplug.journal_ack import encode_ack
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.payload import Metric, Payload, decode_payload, encode_payload, parse_uuid
from protocols.sparkplug.topics import MessageKind, parse_topic
from tests.patience import PATIENCE_S


class Heard(NamedTuple):
    kind: MessageKind
    device: str | None
    payload: Payload
    qos: int
    retain: bool

    @property
    def offset(self) -> int:
        parsed = parse_uuid(self.payload.uuid or "")
        assert parsed is not None
        return parsed[1]

    @property
    def historical(self) -> bool:
        flags = {metric.is_historical for metric in self.payload.metrics}
        assert len(flags) == 1
        return flags.pop()

    def value(self, name: str) -> object:
        return next(metric.value for metric in self.payload.metrics if metric.name == name)


class SparkplugHost:
    """Everything heard is in ``heard``, in order."""

    def __init__(self, port: int, *, group: str = "site", node: str = "gw") -> None:
        self.heard: list[Heard] = []
        self._port = port
        self._group, self._node = group, node
        self._news = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self._client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.on_message = self._hear
        self._subscribed = asyncio.Event()
        self._client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(self._subscribed.set)

    async def __aenter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._client.subscribe(f"spBv1.0/{self._group}/#", qos=1)
        await self._subscribed.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic = parse_topic(message.topic)
        if topic.kind in {MessageKind.NCMD, MessageKind.DCMD}:
            return
        heard = Heard(
            topic.kind,
            topic.device,
            decode_payload(bytes(message.payload)),
            message.qos,
            message.retain,
        )
        asyncio.run_coroutine_threadsafe(self._note(heard), self._loop)

    async def _note(self, heard: Heard) -> None:
        async with self._news:
            self.heard.append(heard)
            self._news.notify_all()

    async def until(
        self, enough: Callable[[list[Heard]], bool], *, within_s: float = PATIENCE_S
    ) -> None:
        """Wait until what was heard is enough."""
        try:
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(lambda: enough(self.heard))
        except TimeoutError:
            told = [(one.kind.value, one.device, one.payload.seq) for one in self.heard]
            some = told if len(told) <= 40 else [*told[:20], "...", *told[-20:]]
            raise AssertionError(f"never heard; only {some}") from None

    async def hears(
        self, kind: MessageKind, count: int = 1, *, within_s: float = PATIENCE_S
    ) -> list[Heard]:
        """Wait for so many messages of a kind and return all of that kind."""
        await self.until(
            lambda heard: sum(h.kind is kind for h in heard) >= count, within_s=within_s
        )
        return [one for one in self.heard if one.kind is kind]

    def kinds(self) -> list[str]:
        return [one.kind.value for one in self.heard]

    def acknowledge(self, journal_id: str, ranges: list[tuple[int, int]]) -> None:
        self.command(encode_ack(journal_id, ranges, 1_795_000_000_000))

    def ask_rebirth(self) -> None:
        self.command(encode_payload([Metric(name=REBIRTH, value=True)], timestamp=1))

    def command(self, payload: bytes, device: str | None = None) -> None:
        kind = "NCMD" if device is None else "DCMD"
        suffix = "" if device is None else f"/{device}"
        self._client.publish(f"spBv1.0/{self._group}/{kind}/{self._node}{suffix}", payload)

    def state(self, host_id: str, payload: bytes) -> None:
        self._client.publish(f"spBv1.0/STATE/{host_id}", payload, qos=1, retain=True)
