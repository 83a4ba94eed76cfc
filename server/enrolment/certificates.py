"""X.509 of the house: an authority, its revocation list, and what it signs; no files here.

The only importer of cryptography.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.core.errors import InvalidError

LONGEST_NAME = 64
"""Characters of a common name, by X.520."""
_BACKDATED = timedelta(hours=1)
"""A gateway whose clock is a little slow takes a certificate that was made a minute ago."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate with its key, both PEM."""

    certificate: bytes
    key: bytes
    serial: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority in memory."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def sign_server(self, hosts: Sequence[str], *, now: datetime, days: int) -> Signed:
        """Return a certificate for a broker that is reached by these names and addresses.

        Raises:
            InvalidError: A host is neither name nor address.
        """
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._sign(
            hosts[0][:LONGEST_NAME],
            now=now,
            days=days,
            usage=ExtendedKeyUsageOID.SERVER_AUTH,
            more=(names,),
        )

    def sign_client(self, user: str, *, now: datetime, days: int) -> Signed:
        """Return a certificate with which a client is this user at the broker.

        Raises:
            InvalidError: The name is too long for a certificate.
        """
        if len(user) > LONGEST_NAME:
            raise InvalidError(
                f"{user!r} has {len(user)} characters; the name in a certificate has at most "
                f"{LONGEST_NAME}: shorten site or gateway, or use a password"
            )
        return self._sign(user, now=now, days=days, usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    def revocation_list(self, revoked: Iterable[tuple[int, datetime]], *, now: datetime) -> bytes:
        """Return the list of revoked serials, each with its instant, PEM.

        It is good as long as the authority: a broker refuses everybody when its list has ended.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(self.certificate.not_valid_after_utc)
        )
        for serial, at in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(one.build())
        made = builder.sign(self.key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self,
        name: str,
        *,
        now: datetime,
        days: int,
        usage: x509.ObjectIdentifier,
        more: Sequence[x509.ExtensionType] = (),
    ) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            _begun(_named(name), self.certificate.subject, key, now=now, until=until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_others=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority, critical=False)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        made = builder.sign(self.key, hashes.SHA256())
        pem = made.public_bytes(serialization.Encoding.PEM)
        return Signed(pem, key_pem(key), made.serial_number, until)


def make_signer(name: str, *, now: datetime, days: int) -> Signer:
    """Return a new authority.

    Raises:
        InvalidError: The name is empty or too long for a certificate.
    """
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidError(f"--name {name!r}: 1 to {LONGEST_NAME} characters")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    made = (
        _begun(subject, subject, key, now=now, until=now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Signer(made, key)


def read_signer(certificate: bytes, key: bytes) -> Signer:
    """Return an authority from its files.

    Raises:
        ValueError: They are damaged, have a passphrase, or do not belong together.
    """
    made = x509.load_pem_x509_certificate(certificate)
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is of another kind than plantroom server ca makes")  # noqa: TRY004 (a file, not an argument)
    if private.public_key() != made.public_key():
        raise ValueError("certificate and key do not belong together")
    return Signer(made, private)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as PEM, without a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def ends_of(pem: bytes) -> list[datetime]:
    """Return when each certificate of a file ends.

    Raises:
        ValueError: It holds none.
    """
    return [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(pem)]


def end_of(der: bytes) -> datetime:
    """Return when a certificate ends that a server has shown.

    Raises:
        ValueError: It is none.
    """
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def utc(ms: int) -> datetime:
    """Return an instant as certificates have it: whole seconds."""
    return datetime.fromtimestamp(ms // 1000, tz=UTC)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise InvalidError(f"--host {host!r}: a host name in ASCII, or an address") from error


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        encipher_only=False,
        decipher_only=False,
    )
