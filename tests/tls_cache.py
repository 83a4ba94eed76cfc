"""The certificate authorities that httpx trusts, read once for all its clients in a test run.

Each client of its own would read all 140: more than most tests with a client take.
"""

import ssl
from functools import cache
from typing import Any

import certifi

_create = ssl.create_default_context


@cache
def _of_httpx() -> ssl.SSLContext:
    return _create(cafile=certifi.where())


def _create_default_context(*purpose: ssl.Purpose, **trust: Any) -> ssl.SSLContext:
    if not purpose and trust == {"cafile": certifi.where()}:
        return _of_httpx()
    return _create(*purpose, **trust)


def share_trust() -> None:
    """Let the clients of httpx, which change nothing of it, have one context."""
    ssl.create_default_context = _create_default_context
