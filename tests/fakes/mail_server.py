"""A small SMTP server on a free port: STARTTLS, login, and the replies it is told to give."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")
PASSWORD = "pass word"


@dataclass
class MailServer:
    """``troubles`` maps a command to the reply it gets instead; None = never answers."""

    starttls: bool = True
    implicit_tls: bool = False
    takes: Callable[[], bool] = lambda: True
    """Whether one more mail is within the server's limit."""
    troubles: dict[str, str | None] = field(default_factory=dict[str, str | None])
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    commands: list[str] = field(default_factory=list[str])
    encrypted: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(CERTIFICATE)
        self._server = await asyncio.start_server(
            self._serve,
            "127.0.0.1",
            0,
            limit=10_000_000,
            ssl=self._tls if self.implicit_tls else None,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.encrypted = self.implicit_tls
        try:
            writer.write(b"220 mail.test ESMTP\r\n")
            while line := await reader.readline():
                if not await self._command(line.decode().rstrip(), reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _command(
        self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        word = line.split(" ", 1)[0].upper()
        self.commands.append(word)
        if word in self.troubles:
            said = self.troubles[word]
            if said is None:
                await reader.read()
                return False
            writer.write(f"{said}\r\n".encode())
            return True
        match word:
            case "EHLO":
                offers = ["mail.test", *(["STARTTLS"] if self.starttls else []), "AUTH PLAIN"]
                ends = [" "] + ["-"] * (len(offers) - 1)
                for offer, end in zip(offers, reversed(ends), strict=True):
                    writer.write(f"250{end}{offer}\r\n".encode())
            case "STARTTLS":
                writer.write(b"220 go ahead\r\n")
                await writer.drain()
                await writer.start_tls(self._tls)
                self.encrypted = True
            case "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                good = self.encrypted and (user, password) == ("plantroom", PASSWORD)
                writer.write(b"235 welcome\r\n" if good else b"535 who are you\r\n")
            case "DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                mail = message_from_bytes(raw[:-5], policy=policy.default)
                self.mails.append(mail)
                writer.write(b"250 queued\r\n")
            case "MAIL" if not self.takes():
                writer.write(b"450 too many mails\r\n")
            case "QUIT":
                writer.write(b"221 bye\r\n")
                return False
            case _:
                writer.write(b"250 ok\r\n")
        return True
