"""What the process of a line and the agent say to each other, one JSON object a line (pure).

The process says what changed at its readers, once a second that it is alive, and what became of
each command; the agent says first what the line is, later only commands.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias, cast

from protocols.errors import FrameError
from protocols.osdp.cards import CardMask

LONGEST_LINE: Final = 65536
"""Bytes; a line is far shorter."""


class Kind(StrEnum):
    """The four status reports of a reader; what lies in each."""

    INPUTS = "inputs"
    OUTPUTS = "outputs"
    LOCAL = "local"
    """Tamper, power failure."""
    READERS = "readers"
    """Of what is attached to it: 0 well, 1 not connected, 2 tampered with."""


class Outcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    NOT_SENT = "not_sent"
    """The reader was not there; nothing went out."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It went out, and the reader fell silent."""


class LineReader(NamedTuple):
    """A reader of the line.

    Attributes:
        address: 0 to 126.
        key: Of its secure channel; None: it is spoken to in plain text.
        install: Whether the installation key is tried as well, to give it its own.
    """

    address: int
    key: bytes | None
    install: bool = False


class Line(NamedTuple):
    """What the process is told first.

    Attributes:
        salt: Of hashed card numbers; empty otherwise.
    """

    device: str
    baud: int
    parity: str
    stop_bits: int
    readers: tuple[LineReader, ...]
    mask: CardMask
    salt: bytes = b""


class Tell(NamedTuple):
    """A command to an output.

    Attributes:
        number: Of the command; its outcome carries it.
        tenths: It is on for so many tenths of a second; 0: until it is switched off.
    """

    number: int
    address: int
    output: int
    on: bool
    tenths: int = 0


class Opened(NamedTuple):
    """The line is open."""


class Failed(NamedTuple):
    """The process ends, and why."""

    why: str


class Alive(NamedTuple):
    """Nothing else to say."""


class Presence(NamedTuple):
    """Whether a reader is there; ``why`` it is not."""

    address: int
    online: bool
    why: str = ""


class Status(NamedTuple):
    """A status report of a reader, one number for each part; None: it gives no such report."""

    address: int
    kind: Kind
    values: tuple[int, ...] | None


class CardRead(NamedTuple):
    """A card was presented; ``card`` is masked already."""

    address: int
    card: str


class Told(NamedTuple):
    """What became of a command."""

    number: int
    outcome: Outcome


Note: TypeAlias = Opened | Failed | Alive | Presence | Status | CardRead | Told

_NOTES: Final[Mapping[str, type[Note]]] = {
    "opened": Opened,
    "failed": Failed,
    "alive": Alive,
    "presence": Presence,
    "status": Status,
    "card": CardRead,
    "told": Told,
}
_NAMES: Final = {kind: name for name, kind in _NOTES.items()}


def encode_note(note: Note) -> bytes:
    """Return the line that says it."""
    return _line({"note": _NAMES[type(note)], **note._asdict()})


def decode_note(line: bytes) -> Note:
    """Return what a line of the process says.

    Raises:
        FrameError: It says nothing that is known.
    """
    fields = _mapping(line)
    kind = _NOTES.get(str(fields.pop("note", "")))
    if kind is None or sorted(fields) != sorted(kind._fields):
        raise FrameError(f"no note: {line[:80]!r}")
    try:
        made = kind(**fields)
        match made:
            case Status():
                values = None if made.values is None else tuple(int(one) for one in made.values)
                return made._replace(kind=Kind(made.kind), values=values)
            case Told():
                return made._replace(outcome=Outcome(made.outcome))
            case _:
                return made
    except (TypeError, ValueError) as error:
        raise FrameError(f"note {kind.__name__}: {error}") from None


def encode_line(line: Line) -> bytes:
    """Return the first line that the process reads; it holds keys and goes nowhere else."""
    readers = [
        [one.address, None if one.key is None else one.key.hex(), one.install]
        for one in line.readers
    ]
    return _line(line._asdict() | {"readers": readers, "salt": line.salt.hex()})


def decode_line(line: bytes) -> Line:
    """Return it again.

    Raises:
        FrameError: It is none; the message repeats nothing of it.
    """
    try:
        made = Line(**_mapping(line))
        readers = tuple(
            LineReader(int(address), None if key is None else bytes.fromhex(key), bool(install))
            for address, key, install in cast("Sequence[Any]", made.readers)
        )
        salt = bytes.fromhex(cast("str", made.salt))
        return made._replace(readers=readers, mask=CardMask(made.mask), salt=salt)
    except (TypeError, ValueError):
        raise FrameError("the first line describes no line of readers") from None


def encode_tell(tell: Tell) -> bytes:
    """Return the line that commands it."""
    return _line(tell._asdict())


def decode_tell(line: bytes) -> Tell:
    """Return what a line commands.

    Raises:
        FrameError: It commands nothing.
    """
    try:
        return Tell(**_mapping(line))
    except TypeError as error:
        raise FrameError(f"no command: {error}") from None


def _line(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(line)
    except ValueError:
        raise FrameError("no JSON") from None
    if not isinstance(found, dict):
        raise FrameError("no JSON object")
    return cast("dict[str, Any]", found)
