"""``plantroom server ca``, ``enrol`` and ``revoke``: who may speak at the broker."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from server.core.clock import SystemClock
from server.core.errors import InvalidError, ServerError
from server.enrolment.authority import Authority
from server.enrolment.rights import block_of, parse_gateway, user_of, with_block, without_block
from server.exits import failing

TLS_PORT = 8884
"""Where deploy/mosquitto.conf expects certificates."""
_GATEWAY_DAYS = 10 * 365
_RELOAD = "then let the broker read its files again: systemctl reload mosquitto"

_CA = click.option(
    "--ca",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/etc/plantroom/ca"),
    show_default=True,
    help="Folder of plantroom server ca.",
)
_ACL = click.option(
    "--acl",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The broker's ACL file, which is changed; without it the lines are printed.",
)
_DAYS = click.option(
    "--days",
    type=click.IntRange(min=1, max=36_500),
    default=_GATEWAY_DAYS,
    show_default=True,
    help="How long the certificate is good.",
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    help="Name or address by which the broker is reached; may be repeated.",
)
@click.option(
    "--name", default="Plantroom", show_default=True, help="Of the authority, in its certificate."
)
@_DAYS
def ca(folder: Path, hosts: Sequence[str], name: str, days: int) -> None:
    """Make the house's certificate authority and the broker's certificate.

    ca.crt is what everybody gets who shall believe the broker; ca.key stays in FOLDER, which
    nobody else may read; ca.crl is the broker's list of who is revoked. Running it again keeps the
    authority, and makes the broker's certificate anew when its hosts change or it ends within 30
    days.

    Example: plantroom server ca /etc/plantroom/ca --host mqtt.example.org --host 10.0.0.5
    """
    with failing(), Authority.open(folder, SystemClock(), name=name) as authority:
        made = authority.sign_broker(hosts, days=days)
    click.echo(f"authority  {folder}/ca.crt, list of who is revoked: {folder}/ca.crl")
    kept = "" if made else " (there already)"
    click.echo(f"broker     {folder}/broker.crt, {folder}/broker.key, for {', '.join(hosts)}{kept}")


@click.command()
@click.argument("gateway")
@_CA
@_ACL
@click.option("--host", help="Of the broker; default: the first of its certificate.")
@click.option("--port", type=click.IntRange(1, 65535), default=TLS_PORT, show_default=True)
@_DAYS
@click.option("--renew", is_flag=True, help="It is enrolled; its certificate ends soon.")
def enrol(
    gateway: str,
    *,
    folder: Path,
    acl: Path | None,
    host: str | None,
    port: int,
    days: int,
    renew: bool,
) -> None:
    """Give GATEWAY (SITE/GATEWAY of its agent file) a certificate and its rights at the broker.

    Prints the section mqtt of its agent file. Copy the three files that it names to the gateway,
    beside agent.yaml, and remove client.key here.

    Example: plantroom server enrol green-garden/heating-plant --acl /etc/mosquitto/plantroom.acl
    """
    with failing():
        site, name = parse_gateway(gateway)
        with Authority.open(folder, SystemClock()) as authority:
            host = host or next(iter(authority.broker_hosts), None)
            if host is None:
                raise InvalidError(
                    f"--host is missing: {folder} has no certificate of a broker that names it"
                )
            place = authority.sign_gateway(site, name, days=days, renew=renew)
        _change(acl, lambda text: with_block(text, site, name))
    click.echo(f"# {place}: copy ca.crt, client.crt and client.key beside agent.yaml")
    if acl is None:
        click.echo("# Behind the other lines of the broker's ACL file:")
        click.echo("".join(f"#   {line}\n" for line in block_of(site, name).splitlines()), nl=False)
    click.echo(f"# {_RELOAD}")
    click.echo(_section(host, port), nl=False)


@click.command()
@click.argument("gateway")
@_CA
@_ACL
def revoke(gateway: str, *, folder: Path, acl: Path | None) -> None:
    """Take the certificates of GATEWAY back, and its rights at the broker.

    Copy ca.crl to where the broker reads it. A gateway that is connected says and hears nothing
    any more as soon as its lines in the ACL file are gone; the next time it is not let in.

    Example: plantroom server revoke green-garden/heating-plant --acl /etc/mosquitto/plantroom.acl
    """
    with failing():
        site, name = parse_gateway(gateway)
        with Authority.open(folder, SystemClock()) as authority:
            count = authority.revoke_gateway(site, name)
        _change(acl, lambda text: without_block(text, user_of(site, name)))
    click.echo(f"{gateway}: {count} certificates revoked in {folder}/ca.crl")
    if acl is None:
        click.echo(f"Take the block 'user {user_of(site, name)}' out of the broker's ACL file,")
    click.echo(_RELOAD)


def _change(path: Path | None, change: Callable[[str], str]) -> None:
    """Write an ACL file anew; its owner and mode stay."""
    if path is None:
        return
    try:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"{path}: {error}") from error


def _section(host: str, port: int) -> str:
    return (
        "mqtt:\n"
        f"  host: {host}\n"
        f"  port: {port}\n"
        "  tls:\n"
        "    ca_file: ca.crt\n"
        "    cert_file: client.crt\n"
        "    key_file: client.key\n"
    )
