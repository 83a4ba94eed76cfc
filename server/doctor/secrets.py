"""Which secrets the server file names, whether others can read them, and a text without them."""

import re
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from config.base import Settings
from config.private_file import private_problem
from config.server import ServerSettings
from server.doctor.finding import Finding, bad, ok, warn

_PUBLIC = {"ca_file", "cert_file"}
_SHORTEST = 4
"""What is shorter stands in any text by chance."""
_HIDDEN = "***"


def secret_files(settings: Settings, place: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the option and the path of every file with a secret that the settings name."""
    for name in type(settings).model_fields:
        value: object = getattr(settings, name)
        if isinstance(value, Path) and name.endswith("_file") and name not in _PUBLIC:
            yield f"{place}{name}", value
        for step, one in _sections(name, value):
            yield from secret_files(one, f"{place}{step}.")


def look_at_modes(settings: ServerSettings) -> Generator[Finding]:
    """Yield which secrets, and which of the server's own data, others of this machine can read."""
    found = sorted(set(secret_files(settings)))
    wrong = 0
    for option, path in found:
        why = private_problem(path)
        if not why:
            continue
        wrong += 1
        text = f"{path} {why.removesuffix(': chmod 600')} ({option})"
        if path.exists():
            advice = f"as the server's user: chmod 600 {path}"
            yield warn("files", text, advice)
        else:
            yield bad("files", text, "put the secret there, as the server's user, mode 0600")
    data = settings.data_dir
    if data.is_dir() and (mode := stat.S_IMODE(data.stat().st_mode)) & stat.S_IRWXO:
        wrong += 1
        yield warn("files", f"{data} is open to everybody (mode {mode:04o})", f"chmod o= {data}")
    if not wrong:
        yield ok("files", f"{len(found)} secrets and {data} are closed to others")


class Redaction:
    """Takes secrets out of what is printed, wherever they came from."""

    def __init__(self, secrets: Iterable[str]) -> None:
        words = sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, finding: Finding) -> Finding:
        """Return the finding without any of them."""
        return Finding(
            finding.check, finding.level, self._clean(finding.text), self._clean(finding.advice)
        )

    def _clean(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(_HIDDEN, text)


def secrets_of(settings: ServerSettings) -> Iterator[str]:
    """Yield what must not be printed: the contents of secret files, and what addresses hide."""
    for _, path in secret_files(settings):
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        yield from (text, *text.splitlines(), text.rpartition(":")[2])
    for url in _urls(settings):
        parts = urlsplit(url)
        yield from (value for _, value in parse_qsl(parts.query))
        if parts.password is not None:
            yield from (parts.password, unquote(parts.password))
        # The address of a robot or of a sign of life is its key.
        if parts.scheme in {"http", "https"}:
            yield from (step for step in parts.path.split("/") if len(step) >= 2 * _SHORTEST)


def _urls(settings: Settings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value: object = getattr(settings, name)
        if isinstance(value, str) and "://" in value:
            yield value
        for _, one in _sections(name, value):
            yield from _urls(one)


def _sections(name: str, value: object) -> Iterator[tuple[str, Settings]]:
    """Yield the settings that a value is or holds, each with its place."""
    if isinstance(value, Settings):
        yield name, value
        return
    held: dict[str, object] = {}
    if isinstance(value, Mapping):
        held = {str(key): one for key, one in cast("Mapping[object, object]", value).items()}
    elif isinstance(value, tuple):
        held = {str(at): one for at, one in enumerate(cast("tuple[object, ...]", value))}
    for key, one in held.items():
        if isinstance(one, Settings):
            yield f"{name}.{key}", one
