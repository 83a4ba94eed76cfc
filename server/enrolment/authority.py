"""The folder of the house's certificate authority: its key, and a list of all that it has signed.

::

    ca.crt ca.key ca.crl    the authority; the list of what it has revoked
    issued.json             what it has signed
    broker.crt broker.key   of the broker
    gateways/<user>/        ca.crt client.crt client.key: what goes to a gateway
"""

import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from config.base import Settings
from server.core.clock import Clock
from server.core.errors import ConflictError, NotFoundError, ServerError
from server.enrolment.certificates import (
    Signed,
    Signer,
    certificate_pem,
    key_pem,
    make_signer,
    read_signer,
    utc,
)
from server.enrolment.rights import user_of

CA_DAYS: Final = 20 * 365
_SOON = timedelta(days=30)
_CERTIFICATE, _KEY, _REVOKED, _ISSUED = "ca.crt", "ca.key", "ca.crl", "issued.json"
_BROKER: Final = "broker"


class _Issued(Settings):
    """One certificate."""

    serial: int
    until: AwareDatetime
    hosts: tuple[str, ...] = ()
    """Of the broker."""
    site: str = ""
    gateway: str = ""
    """Of a client."""
    revoked_at: AwareDatetime | None = None

    @property
    def user(self) -> str:
        return user_of(self.site, self.gateway) if self.gateway else ""


class _Ledger(Settings):
    issued: tuple[_Issued, ...] = Field(default=())


class Authority:
    """An open folder; one process has it at a time."""

    def __init__(self, folder: Path, signer: Signer, ledger: _Ledger, clock: Clock) -> None:
        self.folder = folder
        self._signer = signer
        self._issued = list(ledger.issued)
        self._clock = clock

    @classmethod
    @contextmanager
    def open(cls, folder: Path, clock: Clock, *, name: str | None = None) -> Generator[Self]:
        """Open the folder alone.

        Args:
            folder: Where it is.
            clock: Says when a certificate begins.
            name: Make an authority of this name where there is none.

        Raises:
            NotFoundError: There is no authority, and none shall be made.
            ServerError: The folder cannot be read or written, or is damaged.
        """
        try:
            if name is None and not (folder / _KEY).exists():
                raise NotFoundError(
                    f"{folder} holds no certificate authority; make one: plantroom server ca "
                    f"{folder} --host HOST-OF-THE-BROKER"
                )
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (folder / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if name is not None and not (folder / _KEY).exists():
                    _make(folder, name, utc(clock.now_ms()))
                yield cls(folder, _signer_of(folder), _ledger_of(folder), clock)
        except OSError as error:
            raise ServerError(f"{error.filename or folder}: {error.strerror}") from error

    @property
    def certificate(self) -> Path:
        """The file that tells others whom to believe."""
        return self.folder / _CERTIFICATE

    @property
    def broker_hosts(self) -> Sequence[str]:
        """Names of the broker in its certificate; empty: it has none."""
        found = [one.hosts for one in self._issued if one.hosts and one.revoked_at is None]
        return found[-1] if found else ()

    def sign_broker(self, hosts: Sequence[str], *, days: int) -> bool:
        """Make the broker's certificate, unless there is a good one for these hosts.

        Raises:
            InvalidError: A host is neither name nor address.
        """
        now = self._now
        mine = [one for one in self._issued if one.hosts]
        if mine and mine[-1].hosts == tuple(hosts) and mine[-1].until > now + _SOON:
            return False
        signed = self._signer.sign_server(hosts, now=now, days=days)
        self._keep(_Issued(serial=signed.serial, until=signed.until, hosts=tuple(hosts)))
        _write_pair(self.folder / _BROKER, signed)
        return True

    def sign_gateway(self, site: str, gateway: str, *, days: int, renew: bool) -> Path:
        """Make what a gateway needs and return the folder with it.

        Args:
            site: Its estate.
            gateway: Its name there.
            days: How long its certificate is good.
            renew: It may have one already, which stays good until it ends.

        Raises:
            ConflictError: It has one, or another gateway has its name at the broker.
        """
        user, now = user_of(site, gateway), self._now
        good = (one for one in self._issued if one.user == user and _is_good(one, now))
        for one in good:
            if (one.site, one.gateway) != (site, gateway):
                raise ConflictError(
                    f"{one.site}/{one.gateway} has the name {user!r} at the broker already; "
                    "rename one of the two"
                )
            if not renew:
                raise ConflictError(
                    f"{site}/{gateway} is enrolled until {one.until:%Y-%m-%d}; --renew makes "
                    "another certificate, plantroom server revoke takes this one back"
                )
        signed = self._signer.sign_client(user, now=now, days=days)
        self._keep(_Issued(serial=signed.serial, until=signed.until, site=site, gateway=gateway))
        place = self.folder / "gateways" / user
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(place / _CERTIFICATE, self.certificate.read_bytes())
        _write_pair(place / "client", signed)
        return place

    def revoke_gateway(self, site: str, gateway: str) -> int:
        """Take back all certificates of a gateway and return how many were good.

        Raises:
            NotFoundError: It never had one.
        """
        now = self._now
        mine = [one for one in self._issued if (one.site, one.gateway) == (site, gateway)]
        if not mine:
            raise NotFoundError(f"{site}/{gateway} was never enrolled in {self.folder}")
        good = [one for one in mine if _is_good(one, now)]
        for one in good:
            at = self._issued.index(one)
            self._issued[at] = one.model_copy(update={"revoked_at": now})
        self._store()
        revoked = [
            (one.serial, one.revoked_at) for one in self._issued if one.revoked_at is not None
        ]
        _write(self.folder / _REVOKED, self._signer.revocation_list(revoked, now=now))
        return len(good)

    @property
    def _now(self) -> datetime:
        return utc(self._clock.now_ms())

    def _keep(self, one: _Issued) -> None:
        """Write down what is signed before anybody has it: nothing else can be revoked."""
        self._issued.append(one)
        self._store()

    def _store(self) -> None:
        ledger = _Ledger(issued=tuple(self._issued))
        _write(self.folder / _ISSUED, ledger.model_dump_json(indent=1).encode(), mode=0o600)


def _is_good(one: _Issued, now: datetime) -> bool:
    return one.revoked_at is None and one.until > now


def _make(folder: Path, name: str, now: datetime) -> None:
    signer = make_signer(name, now=now, days=CA_DAYS)
    _write(folder / _CERTIFICATE, certificate_pem(signer.certificate))
    _write(folder / _REVOKED, signer.revocation_list((), now=now))
    # The key comes last: with it the authority is there.
    _write(folder / _KEY, key_pem(signer.key), mode=0o600)


def _signer_of(folder: Path) -> Signer:
    try:
        return read_signer((folder / _CERTIFICATE).read_bytes(), (folder / _KEY).read_bytes())
    except ValueError as error:
        raise ServerError(f"{folder}: {_CERTIFICATE} or {_KEY} is damaged: {error}") from error


def _ledger_of(folder: Path) -> _Ledger:
    path = folder / _ISSUED
    if not path.exists():
        return _Ledger()
    try:
        return TypeAdapter(_Ledger).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ServerError(f"{path} is damaged: {error.errors()[0]['msg']}") from error


def _write_pair(stem: Path, signed: Signed) -> None:
    _write(stem.with_name(f"{stem.name}.key"), signed.key, mode=0o600)
    _write(stem.with_name(f"{stem.name}.crt"), signed.certificate)


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace a file whole; nobody sees half of it, or a key that is open for a moment."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
