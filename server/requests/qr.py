"""QR codes to print or to be read from a screen; the only importer of segno."""

from io import BytesIO

import segno

_MODULE = 8
"""Pixels of one square of a PNG."""


def svg(address: str) -> bytes:
    """Return the code of an address as a drawing without any style of its own."""
    return _saved(address, "svg")


def png(address: str) -> bytes:
    """Return the code of an address as an image."""
    return _saved(address, "png")


def _saved(address: str, kind: str) -> bytes:
    made = BytesIO()
    # A quarter of it may be dirty or torn.
    code = segno.make_qr(address, error="q")
    code.save(made, kind=kind, scale=_MODULE, border=4)
    return made.getvalue()
