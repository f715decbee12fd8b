"""Whether a webhook was made by who has the secret, and lately.

Standard Webhooks sign ``id.timestamp.body`` and give the signature in base64, Mux signs
``timestamp.body`` and gives it in hexadecimal. Both may give several, made with several secrets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from exporter.formats.format import RefusedError, Sender
from exporter.telemetry import Rejection

ID, TIMESTAMP, SIGNATURE = STANDARD_HEADERS = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
)
MUX_HEADER: Final = "mux-signature"
PREFIX: Final = "whsec_"
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


class UnusableSecretError(ValueError):
    """A secret with which nothing can have been signed; the message does not hold it."""


def standard_key(secret: str) -> bytes:
    """The bytes of a secret such as ``whsec_…``; its padding may be missing."""
    text = secret.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise UnusableSecretError(f"a signing secret is {PREFIX} and base64 after it")
    return key


def mux_key(secret: str) -> bytes:
    """The bytes of a secret as Mux shows it."""
    if not secret:
        raise UnusableSecretError("a signing secret of Mux is not empty")
    return secret.encode()


class Standard(NamedTuple):
    """Standard Webhooks (specification 1.0.0), symmetric."""

    keys: tuple[bytes, ...]
    tolerance: float

    def verify(self, body: bytes, sender: Sender) -> str:
        """The id of the webhook, by which a repetition is recognised."""
        webhook_id, seconds, given = (sender.headers.get(name) for name in STANDARD_HEADERS)
        if not webhook_id or not seconds or not given:
            raise RefusedError(Rejection.UNAUTHORISED)
        _check_time(seconds, sender.at, self.tolerance)
        signed = b"%b.%b.%b" % (_raw(webhook_id), _raw(seconds), body)
        expected = [base64.b64encode(_mac(key, signed)) for key in self.keys]
        versions = (each.partition(",") for each in given.split(" "))
        _check(expected, (value for version, _, value in versions if version == "v1"))
        return webhook_id


class Mux(NamedTuple):
    """``Mux-Signature: t=…,v1=…``."""

    keys: tuple[bytes, ...]
    tolerance: float

    def verify(self, body: bytes, sender: Sender) -> None:
        """Whether Mux made it, and lately."""
        parts = [
            each.strip().partition("=") for each in sender.headers.get(MUX_HEADER, "").split(",")
        ]
        seconds = next((value for name, _, value in parts if name == "t"), "")
        _check_time(seconds, sender.at, self.tolerance)
        signed = b"%b.%b" % (_raw(seconds), body)
        expected = [_mac(key, signed).hex().encode() for key in self.keys]
        _check(expected, (value for name, _, value in parts if name == "v1"))


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")


def _raw(text: str) -> bytes:
    # A header may hold any byte; aiohttp hands those that are no UTF-8 on as surrogates.
    return text.encode(errors="surrogateescape")


def _check_time(seconds: str, now: float, tolerance: float) -> None:
    if not _SECONDS.fullmatch(seconds) or abs(now - int(seconds)) > tolerance:
        raise RefusedError(Rejection.UNAUTHORISED)


def _check(expected: list[bytes], given: Iterable[str]) -> None:
    """Every comparison takes the same time, wherever the difference is."""
    if not any(hmac.compare_digest(one, _raw(other)) for other in given for one in expected):
        raise RefusedError(Rejection.UNAUTHORISED)
