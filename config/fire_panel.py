"""A port with a fire alarm panel that speaks its maker's own format (docs/fire.md)."""

from collections.abc import Iterator
from inspect import signature
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from config.base import Conflict, ConflictingSettingsError
from config.listening import HeardPort, PanelStateName
from config.protocol import Protocol
from config.wires import LineOptions

if TYPE_CHECKING:
    from protocols.panels.adapter import Adapter

PanelFormat: TypeAlias = Literal[
    "gst200", "gst500", "jbf-193k", "jbf-5010", "ld128", "n3030", "simplex", "tx3004"
]
_Byte = Annotated[int, Field(ge=0, le=255)]
_MOST_BYTES: Final = 64


def _hex(text: str) -> str:
    try:
        size = len(bytes.fromhex(text))
    except ValueError:
        size = 0
    if not 1 <= size <= _MOST_BYTES:
        message = f"expected 1 to {_MOST_BYTES} bytes in hexadecimal, such as FF 09 00"
        raise ValueError(f"{message}; got {text!r:.60}")
    return text


_Hex = Annotated[str, AfterValidator(_hex)]

_OF_FORMATS: Final = (
    "panel",
    "polls_every_s",
    "poll_frame",
    "most_loop",
    "most_address",
    "restored_ends",
    "well_ends",
    "fire_kinds",
    "supervisory_kinds",
    "text",
    "acknowledges_polls",
    "d1a1_means",
)
"""Options that only some formats have, by the names that their adapters give them."""


class FirePanelPort(HeardPort, LineOptions):
    """A line with one fire alarm panel that speaks its maker's own format (docs/fire.md).

    Where an option has no default, the format's own counts; one that the format does not have is
    refused.
    """

    PROTOCOL: ClassVar[Protocol] = Protocol.FIRE_PANEL

    kind: Literal["fire_panel"] = Field(description="A fire alarm panel by its maker's format.")
    format: PanelFormat = Field(description="The format; docs/fire.md says which panel has which.")
    silence_s: float | None = Field(
        default=None,
        ge=0,
        le=86400,
        description="So long without a frame and the panel does not answer, seconds; 0: silence is "
        "no fault. Default: 60, and 0 for panels that print, which are silent when all is well.",
    )
    repeat_s: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="The same frame again within this time is answered and not counted, seconds.",
    )
    address_bit: bool | None = Field(
        default=None,
        description="Whether a ninth bit marks addresses on the line (mark and space parity). "
        "Default: as the format has it; false behind a converter that adds the bit.",
    )
    marked_starts: bool = Field(
        default=False,
        description="A byte with the address bit always begins a frame; which bytes panels mark is "
        "not known.",
    )
    panel: int | None = Field(
        default=None,
        ge=1,
        le=255,
        description="Number of the panel, where the format does not say it; of gst200 1 to 15.",
    )
    polls_every_s: float | None = Field(
        default=None,
        ge=0,
        le=30,
        description="Time between two polls, seconds; 0: only listen, beside another host.",
    )
    poll_frame: _Hex | None = Field(
        default=None,
        description="What is sent as a poll, bytes in hexadecimal; the sum of the known one is "
        "wrong.",
    )
    most_loop: _Byte | None = Field(
        default=None, description="Highest loop that the panel has: there is no checksum."
    )
    most_address: _Byte | None = Field(
        default=None, description="Highest address that a loop of it has."
    )
    restored_ends: tuple[PanelStateName, ...] | None = Field(
        default=None, description="States that event 11H (restored) ends."
    )
    well_ends: tuple[PanelStateName, ...] | None = Field(
        default=None, description="States that the event 'well' ends."
    )
    fire_kinds: tuple[_Byte, ...] | None = Field(
        default=None, description="Kinds of components whose alarm is a fire."
    )
    supervisory_kinds: tuple[_Byte, ...] | None = Field(
        default=None, description="Kinds of components whose alarm is a supervisory signal."
    )
    text: Literal["auto", "gb18030", "digits"] | None = Field(
        default=None, description="How the texts are coded."
    )
    acknowledges_polls: bool | None = Field(
        default=None, description="A poll of the panel is first taken with 06H."
    )
    d1a1_means: Literal["supervisory", "feedback"] | None = Field(
        default=None, description="State of a line that begins with D1 A1."
    )

    @property
    def place(self) -> tuple[str, str]:
        """The line."""
        return self.line_place

    @property
    def where(self) -> str:
        """Where the line is, and who speaks on it."""
        adapter = self.adapter()
        every_s, silence_s = adapter.polls_every_s, self.longest_silence_s
        asked = f"polled every {every_s:g} s" if every_s else "the panel speaks"
        silence = f"silence {silence_s:g} s" if silence_s else "silence is no fault"
        bit = ", address bit" if self.has_address_bit else ""
        return f"{self.format} {self.line_where}{bit}, {asked}, {silence}"

    @property
    def known_as(self) -> str:
        """The format, which is all that is known of it."""
        return self.format

    @property
    def usual(self) -> tuple[int, str]:
        """Speed and parity of the format."""
        adapter = self.adapter()
        return adapter.baud, adapter.parity

    @property
    def longest_silence_s(self) -> float:
        """So long without a frame and the panel does not answer; 0: never."""
        return self.adapter().silence_s if self.silence_s is None else self.silence_s

    @property
    def has_address_bit(self) -> bool:
        """Whether a ninth bit marks addresses on the line."""
        return self.adapter().address_bit if self.address_bit is None else self.address_bit

    def adapter(self) -> "Adapter":
        """Return the adapter of the format with the options of this port."""
        # What no file uses is not imported.
        from protocols.fire.model import states_of  # noqa: PLC0415
        from protocols.panels.gst import GstText  # noqa: PLC0415
        from protocols.panels.registry import ADAPTERS  # noqa: PLC0415

        options: dict[str, object] = {}
        for name in _OF_FORMATS:
            match name, getattr(self, name):
                case _, None:
                    pass
                case (("restored_ends" | "well_ends"), names):
                    options[name] = states_of(names)
                case "d1a1_means", state:
                    options[name] = states_of((state,))
                case (("fire_kinds" | "supervisory_kinds"), numbers):
                    options[name] = frozenset(numbers)
                case "poll_frame", digits:
                    options[name] = bytes.fromhex(digits)
                case "text", coding:
                    options[name] = GstText(coding)
                case _, value:
                    options[name] = value
        return ADAPTERS[self.format](**options)

    def notes(self) -> Iterator[str]:
        """Yield what the integrator should know before relying on it."""
        yield (
            f"the format {self.format} comes from one public source and was not tried at a panel: "
            "try a fire, a fault, a shield and a reset before anybody relies on it"
        )
        if not self.longest_silence_s:
            yield "silence is no fault: nobody is told when the panel or its cable is gone"

    @model_validator(mode="after")
    def _fits_its_format(self) -> Self:
        if conflicts := list(_conflicts(self)):
            raise ConflictingSettingsError(conflicts)
        return self


def _conflicts(port: FirePanelPort) -> Iterator[Conflict]:
    from protocols.panels.registry import ADAPTERS  # noqa: PLC0415 (as above)

    kind = ADAPTERS[port.format]
    known = frozenset(signature(kind).parameters)
    unknown = [one for one in _OF_FORMATS if getattr(port, one) is not None and one not in known]
    for name in unknown:
        options = f"has: {', '.join(sorted(known))}" if known else "has no options of its own"
        yield Conflict((name,), f"means nothing with format {port.format}, which {options}")
    if port.panel is not None and port.panel > kind.most_panel:
        message = f"expected 1 to {kind.most_panel} with format {port.format}, got {port.panel}"
        yield Conflict(("panel",), message)
    if unknown:
        return
    if port.host is not None and port.has_address_bit:
        message = "a serial server does not carry the address bit of this format: connect the line"
        yield Conflict(
            ("host",), f"{message} to this gateway, or set address_bit: false behind a converter"
        )
    polls_every_s = port.adapter().polls_every_s
    if polls_every_s and port.silence_s and port.silence_s < 3 * polls_every_s:
        message = f"expected the time of three polls, {3 * polls_every_s:g} s, or more, or 0"
        yield Conflict(("silence_s",), f"{message}; got {port.silence_s:g}")
