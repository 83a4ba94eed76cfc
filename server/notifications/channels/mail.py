"""E-mail over SMTP, by the standard library in threads of its own (ADR-7)."""

import asyncio
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from types import TracebackType
from typing import Self

from config.channels import EmailChannel as EmailSettings
from server.core.clock import Clock
from server.messages.addresses import mail_problem
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.notifications.channels.addresses import (
    PrivateAddressError,
    UnreachableHostError,
    resolve,
)
from server.notifications.channels.base import Failed, Outcome, Refused, Sent
from server.notifications.channels.provider import out_id_of
from server.notifications.templates import render

_THREADS = 10
"""As many as a channel has slots: a server that hangs must not keep urgent mail from trying."""
_FOR_EVER = 500
"""Replies from here on are final (RFC 5321); below, trying again may help."""
_SUBJECT_LENGTH = 150


class MailChannel:
    """One mail server. A message that comes twice has the same Message-ID."""

    def __init__(
        self,
        settings: EmailSettings,
        *,
        password: str | None,
        clock: Clock,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        key = f"{settings.host}:{settings.port}/{settings.sender}"
        self._policy = DeliveryPolicy((Budget(key, settings.per_minute, 60),))
        self._trust = trust or ssl.create_default_context()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def timeout_s(self) -> float:
        """Longest attempt, seconds."""
        return self._settings.timeout_s

    async def __aenter__(self) -> Self:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mail")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            # A mail server that does not answer must not hold up the end.
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002 (the mail server has one budget)
        """So many a minute for the mail server."""
        return self._policy

    def check_address(self, address: str) -> str | None:
        """One address, nothing around it."""
        return mail_problem(address)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand it to the mail server once."""
        problem = self.check_address(message.address)
        if problem:
            return Refused(problem)
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout_s):
                address = await resolve(
                    settings.host, settings.port, allow_private=settings.allow_private
                )
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._talk, address, message)
        except PrivateAddressError as error:
            return Refused(str(error))
        except UnreachableHostError as error:
            return Failed(str(error))
        except TimeoutError:
            return Failed(f"no answer within {settings.timeout_s:g} s")

    def _talk(self, address: str, message: Outgoing) -> Outcome:
        """In a thread: one connection, one message."""
        try:
            self._hand_over(address, self._compose(message))
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            return _reply(code, words)
        except smtplib.SMTPResponseException as error:
            return _reply(error.smtp_code, error.smtp_error)
        except UnicodeError as error:
            return Refused(f"the address or the password: {error}")
        except (smtplib.SMTPException, OSError) as error:
            return Failed(f"{type(error).__name__}: {error}")
        return Sent()

    def _hand_over(self, address: str, mail: EmailMessage) -> None:
        settings = self._settings
        kind = _ImplicitTls if settings.security == "tls" else _Plain
        with kind(address, settings, self._trust) as connection:
            if settings.security == "starttls":
                connection.starttls(context=self._trust)
            if settings.username is not None:
                connection.login(settings.username, self._password or "")
            connection.send_message(mail)

    def _compose(self, message: Outgoing) -> EmailMessage:
        text = render(message)
        sender = self._settings.sender
        mail = EmailMessage()
        mail["Subject"] = text.title[:_SUBJECT_LENGTH]
        mail["From"] = sender
        mail["To"] = message.address
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
        mail["Message-ID"] = f"<{out_id_of(message)}@{sender.rpartition('@')[2]}>"
        # So that no automatic reply answers.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join((text.title, "", *text.lines, *text.tail)) + "\n")
        return mail


class _Plain(smtplib.SMTP):
    """Connects to the address that was checked; TLS checks the name."""

    def __init__(self, address: str, settings: EmailSettings, trust: ssl.SSLContext) -> None:
        self.address = address
        self.trust = trust
        super().__init__(settings.host, settings.port, timeout=settings.timeout_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 (the library's hook)
        return socket.create_connection((self.address, port), timeout)


class _ImplicitTls(_Plain):
    """TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        return self.trust.wrap_socket(plain, server_hostname=host)


def _reply(code: int, words: bytes | str) -> Outcome:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    error = f"SMTP {code} {text}"[:300]
    return Refused(error) if code >= _FOR_EVER else Failed(error)
