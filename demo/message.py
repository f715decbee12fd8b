"""One request of the demo's traffic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

EVENTS: Final = "/v1/events"


class Message(NamedTuple):
    """When (seconds since the start), where to, and the events in it by type.

    Of a message that no truth is kept of, the types are not said.
    """

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes
    types: tuple[str, ...] = ()


def encode(body: Any) -> bytes:
    """JSON as browsers write it."""
    return json.dumps(body, separators=(",", ":")).encode()
