"""What a format is, and how JSON from strangers is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from exporter.event import Event
from exporter.telemetry import Rejection

T = TypeVar("T")


class Sender(msgspec.Struct, frozen=True, gc=False):
    """What the request says about who sends it; ``kind`` is the ``type`` of the query string."""

    path: str
    user_agent: str | None = None
    country: str | None = None
    kind: str | None = None
    most_events: int = 50


class Rejected(NamedTuple):
    """An event that was refused: its place in the beacon, why, and the bytes it came in."""

    place: int
    reason: Rejection
    body: bytes


class Parsed(NamedTuple):
    """What was in a beacon."""

    events: tuple[Event, ...]
    rejected: tuple[Rejected, ...] = ()


class RefusedError(Exception):
    """A whole beacon is refused: why, and as much of it as is worth a look."""

    def __init__(self, reason: Rejection, body: bytes = b"") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.body = body


class Format(Protocol):
    """Reads the beacons of one kind of client."""

    batch: bool
    """Whether servers send it, so that the larger limits hold."""

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """The events in ``body``, cleaned; :class:`RefusedError` where there are none to find."""
        ...


def decode(decoder: Callable[[bytes], T], body: bytes) -> T:
    """Decode strictly; every way in which JSON can be wrong is a :class:`RefusedError`.

    msgspec refuses NaN, infinities, bad UTF-8, lone surrogates, byte order marks and wrong
    types; what nests too deep for it raises RecursionError.
    """
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise RefusedError(reason_of(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(Rejection.MALFORMED) from error


def reason_of(error: msgspec.ValidationError) -> Rejection:
    """Which kind of invalid it is, by the words of msgspec (a test holds them)."""
    said = str(error)
    if said.endswith((" - at `$.type`", "missing required field `type`")):
        return Rejection.UNKNOWN_TYPE
    return Rejection.INCOMPLETE if "missing required field" in said else Rejection.INVALID
