"""Webhooks with a signature that holds, so that what is in them is read."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from exporter.formats.webhooks.signature import (
    ID,
    MUX_HEADER,
    SIGNATURE,
    TIMESTAMP,
    mux_key,
    standard_key,
)
from tests.fuzz.seeds import MUX_SECRET, REPLICATE_SECRET


def signed(path: str, body: bytes, headers: Mapping[str, str], at: float) -> dict[str, str]:
    """The headers that the source of a path sends with a body."""
    seconds = str(int(at))
    if path.endswith("/mux"):
        mac = hmac.digest(mux_key(MUX_SECRET), f"{seconds}.".encode() + body, "sha256").hex()
        return {MUX_HEADER: f"t={seconds},v1={mac}"}
    webhook_id = headers.get(ID) or "msg_1"
    said = f"{webhook_id}.{seconds}.".encode(errors="surrogateescape") + body
    mac = base64.b64encode(hmac.digest(standard_key(REPLICATE_SECRET), said, "sha256")).decode()
    return {ID: webhook_id, TIMESTAMP: seconds, SIGNATURE: f"v1,{mac}"}
