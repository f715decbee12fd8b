"""What a format is, and how JSON from strangers is decoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import ClassVar, Final, NamedTuple, TypeVar

import msgspec

from exporter.event import Event
from exporter.telemetry import Rejection

T = TypeVar("T")

JSON: Final = frozenset({"", "text/plain", "application/json"})
"""Media types of JSON; browsers send beacons as text, or do not say what they are."""

_NOTHING: Final[Mapping[str, str]] = {}


class Sender(msgspec.Struct, frozen=True, gc=False):
    """What the request says about who sends it, and when.

    ``headers`` are those that the format asks for, under the names that it gives them; ``query``
    is decoded; ``at`` is server time in seconds since 1970.
    """

    path: str
    user_agent: str | None = None
    country: str | None = None
    most_events: int = 50
    origin: str | None = None
    query: Mapping[str, str] = _NOTHING
    headers: Mapping[str, str] = _NOTHING
    at: float = 0.0


class Rejected(NamedTuple):
    """An event that was refused: its place in the beacon, why, and the bytes it came in."""

    place: int
    reason: Rejection
    body: bytes


class Parsed(NamedTuple):
    """What was in a beacon; ``reply`` is JSON that its sender must be told instead of the usual."""

    events: tuple[Event, ...]
    rejected: tuple[Rejected, ...] = ()
    reply: bytes | None = None

    def tried(self, trial: Mapping[str, str]) -> Parsed:
        """The same, where events that say nothing of an A/B test are part of ``trial``."""
        if not trial:
            return self
        events = [
            event if event.experiment else msgspec.structs.replace(event, **trial)
            for event in self.events
        ]
        return self._replace(events=tuple(events))


class RefusedError(Exception):
    """A whole beacon is refused: why, and as much of it as is worth a look.

    ``reply`` is JSON that its sender must be told all the same.
    """

    def __init__(self, reason: Rejection, body: bytes = b"", reply: bytes | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.body = body
        self.reply = reply


class Answers(NamedTuple):
    """How the clients of a format want to be answered.

    ``body`` None is the account of what was accepted. Who is not ``patient`` would come again at
    once after 429 or 503, or harm somebody: it gets the usual answer, and its beacon is counted
    as limited or refused; in a page, which has an origin, it gets that whatever else is wrong.
    ``always`` means that even a bad beacon gets the usual answer, wherever it comes from.
    """

    status: HTTPStatus = HTTPStatus.ACCEPTED
    body: bytes | None = None
    patient: bool = True
    always: bool = False


class Format(ABC):
    """Reads the beacons of one kind of client."""

    batch: ClassVar[bool] = False
    """Whether many events come at once, so that the larger limits hold."""
    media_types: ClassVar[frozenset[str]] = JSON
    headers: ClassVar[tuple[str, ...]] = ()
    """The headers of a request that it wants to see."""
    in_query: ClassVar[bool] = False
    """Whether a GET carries a beacon too, in its query or its headers."""
    signed: ClassVar[bool] = False
    """Whether its beacons prove by themselves who sent them, so that they need no key."""
    answers: ClassVar[Answers] = Answers()
    private: ClassVar[bool] = False
    """Whether not even a scrubbed piece of a refused beacon may be kept for a look."""

    def alone(self, path: str, part: bytes) -> bytes:
        """A beacon with nothing in it but one part, which was refused by itself."""
        del path
        return part

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """Where its beacons come."""

    def reply(self, body: bytes, sender: Sender) -> bytes | None:
        """What a sender must be told of whom nothing is wanted; None is the usual answer."""
        del body, sender
        return None

    @abstractmethod
    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """The events in ``body``, cleaned; :class:`RefusedError` where there are none to find."""


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
