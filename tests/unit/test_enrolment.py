"""The authority's folder and the ACL file: what is made, kept, refused, taken back."""

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from server.core.errors import ConflictError, InvalidError, NotFoundError, ServerError
from server.enrolment.authority import Authority
from server.enrolment.certificates import Signer, make_signer, utc
from server.enrolment.rights import block_of, parse_gateway, with_block, without_block
from tests.fakes.agent_clock import FakeClock

DAY_MS = 86_400_000
ACL = """\
# The server.
user plantroom-server
topic read  spBv1.0/#

# A gateway.
user north.gw2
topic write spBv1.0/north/+/gw2/#
# The next one.
user south.gw3
topic write spBv1.0/south/+/gw3/#
"""


def clock() -> FakeClock:
    return FakeClock()


def issued(folder: Path, user: str) -> x509.Certificate:
    pem = (folder / "gateways" / user / "client.crt").read_bytes()
    return x509.load_pem_x509_certificate(pem)


def test_a_gateway_gets_a_certificate_in_its_name_and_keys_are_for_nobody_else(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ca"
    with Authority.open(folder, clock(), name="Riverside") as authority:
        assert authority.sign_broker(["mqtt.example.org", "10.0.0.5"], days=30)
        place = authority.sign_gateway("north", "gw2", days=100, renew=False)
    assert sorted(file.name for file in place.iterdir()) == ["ca.crt", "client.crt", "client.key"]
    made = issued(folder, "north.gw2")
    assert made.subject.rfc4514_string() == "CN=north.gw2"
    assert made.issuer.rfc4514_string() == "CN=Riverside"
    for key in (folder / "ca.key", folder / "broker.key", place / "client.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    ssl.create_default_context(cafile=folder / "ca.crt").load_cert_chain(
        place / "client.crt", place / "client.key"
    )


def test_the_authority_is_kept_and_the_brokers_certificate_renewed_when_it_must_be(
    tmp_path: Path,
) -> None:
    now = clock()
    with Authority.open(tmp_path, now, name="One") as authority:
        assert authority.sign_broker(["a.example"], days=100)
    before = (tmp_path / "ca.crt").read_bytes()
    with Authority.open(tmp_path, now, name="Two") as authority:
        assert not authority.sign_broker(["a.example"], days=100)
        assert authority.sign_broker(["b.example"], days=100)
        assert authority.broker_hosts == ("b.example",)
        now.advance(71 * 86_400)
        assert authority.sign_broker(["b.example"], days=100)
    assert (tmp_path / "ca.crt").read_bytes() == before


def test_a_gateway_is_enrolled_once_unless_its_certificate_is_renewed(tmp_path: Path) -> None:
    with Authority.open(tmp_path, clock(), name="House") as authority:
        authority.sign_gateway("north", "gw2", days=10, renew=False)
        with pytest.raises(ConflictError, match=r"north/gw2 is enrolled until .*--renew"):
            authority.sign_gateway("north", "gw2", days=10, renew=False)
        authority.sign_gateway("north", "gw2", days=10, renew=True)
        # Both are good until they end, and both are taken back.
        assert authority.revoke_gateway("north", "gw2") == 2
        authority.sign_gateway("north", "gw2", days=10, renew=False)
    listed = x509.load_pem_x509_crl((tmp_path / "ca.crl").read_bytes())
    assert len(listed) == 2
    assert (
        listed.get_revoked_certificate_by_serial_number(issued(tmp_path, "north.gw2").serial_number)
        is None
    )


def test_two_gateways_with_one_name_at_the_broker_are_refused(tmp_path: Path) -> None:
    with Authority.open(tmp_path, clock(), name="House") as authority:
        authority.sign_gateway("a.b", "c", days=10, renew=False)
        with pytest.raises(ConflictError, match=r"a\.b/c has the name 'a\.b\.c' at the broker"):
            authority.sign_gateway("a", "b.c", days=10, renew=True)
        with pytest.raises(NotFoundError, match=r"a/b\.c was never enrolled"):
            authority.revoke_gateway("a", "b.c")


def test_what_cannot_be_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with (
        pytest.raises(NotFoundError, match="holds no certificate authority; make one"),
        Authority.open(tmp_path, clock()),
    ):
        pass
    for text in ("gateway", "a/b/c", "a/", "ü/b", "a b/c", f"{'x' * 65}/b"):
        with pytest.raises(InvalidError, match="SITE/GATEWAY as in its agent file"):
            parse_gateway(text)
    assert parse_gateway("green-garden/heating-plant") == ("green-garden", "heating-plant")
    signer = make_signer("House", now=utc(0), days=10)
    with pytest.raises(InvalidError, match="has 65 characters"):
        signer.sign_client("x" * 65, now=utc(0), days=1)
    with pytest.raises(InvalidError, match="a host name in ASCII, or an address"):
        signer.sign_server(["mü.example"], now=utc(0), days=1)
    with pytest.raises(InvalidError, match="1 to 64 characters"):
        make_signer("", now=utc(0), days=1)


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    with Authority.open(tmp_path, clock(), name="House"):
        pass
    (tmp_path / "issued.json").write_text("{")
    with (
        pytest.raises(ServerError, match=r"issued\.json is damaged"),
        Authority.open(tmp_path, clock()),
    ):
        pass
    (tmp_path / "ca.key").write_text("no key")
    with (
        pytest.raises(ServerError, match=r"ca\.crt or ca\.key is damaged"),
        Authority.open(tmp_path, clock()),
    ):
        pass


def test_no_certificate_outlives_its_authority() -> None:
    signer: Signer = make_signer("House", now=utc(0), days=10)
    assert signer.sign_client("a.b", now=utc(9 * DAY_MS), days=100).until == utc(10 * DAY_MS)


def test_a_block_is_added_replaced_and_removed_and_nothing_else_changes() -> None:
    added = with_block(ACL, "east", "gw1")
    assert added == f"{ACL}\n{block_of('east', 'gw1')}"
    assert with_block(added, "east", "gw1") == added
    removed = without_block(ACL, "north.gw2")
    assert removed == ACL.replace("user north.gw2\ntopic write spBv1.0/north/+/gw2/#\n", "")
    assert without_block(ACL, "north.gw") == ACL
    assert with_block("", "east", "gw1") == block_of("east", "gw1")
