"""EPAS (Eyevinn Player Analytics Specification 0.3): a beacon is one event of one session.

A session begins with ``init``, whose answer names the session and says how often its player should
say that it goes on. The player loads before anybody presses play, and no event says that
somebody did; so an attempt is a first frame, or what keeps it from coming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from exporter.event import Cleaner, Device, Event
from exporter.events.playback import told
from exporter.events.playback.classes import BeaconFormat
from exporter.formats.format import Answers, Format, Parsed, RefusedError, Sender, decode
from exporter.formats.viewing import classes, named, when
from exporter.telemetry import Rejection

EVENT: Final = "X-EPAS-Event"
HEARTBEAT_MS: Final = 30_000
MOST_ERROR: Final = 4096
"""Characters of an error that are looked at."""

BITS: Final = 1000.0
"""In a kilobit."""


class Body(msgspec.Struct, gc=False):
    """A beacon; -1 is what a player does not know, and each event has a payload of its own."""

    event: str | None = None
    session_id: str | None = msgspec.field(default=None, name="sessionId")
    timestamp: float | None = None
    playhead: float | None = None
    duration: float | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class Metadata(msgspec.Struct, gc=False):
    """What is played, and by whom; the keys of a page's own are not read."""

    content_id: str | int | None = msgspec.field(default=None, name="contentId")
    user_id: str | int | None = msgspec.field(default=None, name="userId")
    device_id: str | int | None = msgspec.field(default=None, name="deviceId")
    device_type: str | None = msgspec.field(default=None, name="deviceType")


class Rendition(msgspec.Struct, gc=False):
    """Kilobits per second."""

    bitrate: float


class Stop(msgspec.Struct, gc=False):
    """Why it is over: ended, aborted, error, or anything else."""

    reason: str | None = None


class Problem(msgspec.Struct, gc=False):
    """An error, fatal or not."""

    category: str | None = None
    code: str | int | None = None
    message: str | None = None


class Reply(msgspec.Struct, gc=False):
    """What the answer to ``init`` says."""

    session_id: str = msgspec.field(name="sessionId")
    heartbeat_interval: int = msgspec.field(name="heartbeatInterval")


class Said(NamedTuple):
    """A beacon, as far as all events are alike."""

    payload: bytes
    playhead: float | None
    about: dict[str, Any]


class Epas(Format):
    """Reads ``/epas``."""

    paths = ("/epas",)
    headers = (EVENT,)
    answers = Answers(HTTPStatus.OK, b"{}")

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._decode = msgspec.json.Decoder(Body).decode

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """The event of one beacon; that of ``init`` comes with a reply."""
        said = decode(self._decode, body)
        event = said.event or sender.headers.get(EVENT, "")
        means = _MEANS.get(event)
        if means is None:
            raise RefusedError(Rejection.UNKNOWN_TYPE)
        is_new = event == "init"
        session = self._session(said.session_id, is_new, body, sender)
        about = {
            "play_id": session,
            "at": when(said.timestamp),
            "duration_seconds": _known(said.duration),
            "format": BeaconFormat.OTHER,
            **classes(self._cleaner.client(sender.user_agent, sender.country)),
        }
        found = means(Said(bytes(said.payload), _known(said.playhead), about))
        reply = msgspec.json.encode(Reply(session, HEARTBEAT_MS)) if is_new else None
        return Parsed((found.cleaned(self._cleaner),), reply=reply)

    def reply(self, body: bytes, sender: Sender) -> bytes | None:
        """A page whose ``init`` gets no JSON breaks, whatever comes of its session."""
        try:
            return self.parse(body, sender).reply
        except RefusedError:
            return None

    def _session(self, given: str | None, is_new: bool, body: bytes, sender: Sender) -> str:
        """The name of the session: as it is, or a hash of one that could name a person."""
        if given:
            return named(given) or self._cleaner.person(given)
        if not is_new:
            raise RefusedError(Rejection.INCOMPLETE)
        # Nothing here is random: two players that start in one microsecond and say the same to
        # the millisecond would have to be of one origin and have one user agent, too.
        made = blake2b(body, digest_size=16)
        who = f"\0{sender.at!r}\0{sender.user_agent}\0{sender.origin}"
        made.update(who.encode(errors="replace"))
        return made.hexdigest()


def _known(number: float | None) -> float | None:
    return number if number is not None and number > 0 else None


_metadata = msgspec.json.Decoder(Metadata | None).decode
_rendition = msgspec.json.Decoder(Rendition).decode
_stop = msgspec.json.Decoder(Stop | None).decode
_problem = msgspec.json.Decoder(Problem | None).decode


def _describe(said: Said) -> Event:
    found = decode(_metadata, said.payload) or Metadata()
    viewer = found.device_id if found.user_id in {None, ""} else found.user_id
    device = Device(found.device_type or "other")
    about = said.about if device is Device.OTHER else {**said.about, "device": device}
    return told.Prepared(
        **about,
        video_id=None if found.content_id is None else named(str(found.content_id)),
        viewer=None if viewer in {None, ""} else str(viewer),
    )


def _go_on(said: Said) -> Event:
    if said.playhead is None:
        return told.Prepared(**said.about)
    return told.Progressed(**said.about, position_seconds=said.playhead)


def _change_rendition(said: Said) -> Event:
    found = decode(_rendition, said.payload)
    return told.RenditionChanged(**said.about, bitrate_bps=found.bitrate * BITS)


def _end(said: Said) -> Event:
    reason = (decode(_stop, said.payload) or Stop()).reason
    if reason == "error":
        return told.Failed(**said.about)
    end = told.Finished if reason == "ended" else told.Left
    return end(**said.about, position_seconds=said.playhead)


def _fail(said: Said, *, fatal: bool = True) -> Event:
    found = decode(_problem, said.payload) or Problem()
    words = (found.category, found.code, found.message)
    error = " ".join(str(word) for word in words if word is not None)[:MOST_ERROR]
    code = None if found.code is None else told.error_code(str(found.code))
    return told.Failed(**said.about, error=error, error_code=code, fatal=fatal)


_MEANS: Final[Mapping[str, Callable[[Said], Event]]] = {
    "init": lambda said: told.Prepared(**said.about),
    "metadata": _describe,
    "heartbeat": _go_on,
    "loading": lambda said: told.Prepared(**said.about, ready=False),
    "loaded": lambda said: told.Prepared(**said.about, ready=True),
    "playing": lambda said: told.Started(**said.about),
    "resume": lambda said: told.Resumed(**said.about),
    "paused": lambda said: told.Paused(**said.about),
    "buffering": lambda said: told.Stalled(**said.about),
    "buffered": lambda said: told.Buffered(**said.about),
    "seeking": lambda said: told.Seeked(**said.about),
    "seeked": lambda said: told.Buffered(**said.about),
    "bitrate_changed": _change_rendition,
    "stopped": _end,
    "error": _fail,
    "warning": lambda said: _fail(said, fatal=False),
}
