"""Pillarbox (SRG SSR): a beacon is a START, HEARTBEAT, STOP or ERROR of one session.

The schema is version 1 of their monitoring specification; times are milliseconds. A session begins
when the player could play, not when somebody wants it to. ``stall`` and ``playback_duration`` are
of the whole session, but on the web the latter begins again with every first frame after a stall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from exporter.event import Cleaner, Client, Device, Event, Name, System, Text
from exporter.events.playback import told
from exporter.events.playback.classes import BeaconFormat, Player
from exporter.formats.format import Answers, Format, Parsed, RefusedError, Sender, decode
from exporter.formats.viewing import classes, named, seconds, when
from exporter.telemetry import Rejection

NEAR_END: Final = 1000.0
"""Milliseconds before the end at which a player that stops has come to it."""

MOST_ERROR: Final = 4096
"""Characters of an error that are looked at."""

DEVICES: Final[Mapping[str, Device]] = {
    "desktop": Device.DESKTOP,
    "phone": Device.MOBILE,
    "tablet": Device.TABLET,
    "tv": Device.TV,
}
SYSTEMS: Final[Mapping[str, System]] = {
    "android": System.ANDROID,
    "chrome os": System.CHROME_OS,
    "ios": System.IOS,
    "ipados": System.IOS,
    "linux": System.LINUX,
    "macos": System.MACOS,
    "windows": System.WINDOWS,
}


class Browser(msgspec.Struct, gc=False):
    """What the web player says of its browser."""

    user_agent: Text | None = None


class Machine(msgspec.Struct, gc=False):
    """The device; its ``id`` is one that the player made up and keeps."""

    id: str | None = None
    type: str | None = None


class Named(msgspec.Struct, gc=False):
    """An operating system."""

    name: str | None = None


class Media(msgspec.Struct, gc=False):
    """What is played."""

    id: str | None = None


class Timings(msgspec.Struct, gc=False):
    """How long the person waited; ``total`` is null where the page played a plain address."""

    asset: float | None = None
    total: float | None = None


class Stall(msgspec.Struct, gc=False):
    """Stalls since the session began."""

    count: float | None = None
    duration: float | None = None


class Data(msgspec.Struct, gc=False):
    """What the events say, all of it optional; what is not used is not read."""

    browser: Browser | None = None
    device: Machine | None = None
    media: Media | None = None
    os: Named | None = None
    qoe_timings: Timings | None = None
    bitrate: float | None = None
    duration: float | None = None
    playback_duration: float | None = None
    position: float | None = None
    stall: Stall | None = None
    stream_type: str | None = None
    message: str | None = None
    name: str | None = None
    severity: str | None = None

    @property
    def moved(self) -> bool:
        """Whether the picture has moved; a position alone may be where somebody will go on.

        What has stalled was moving, even if it stopped before its count had begun again.
        """
        if self.stall is not None and (self.stall.count or 0.0) > 0:
            return True
        if self.playback_duration is not None:
            return self.playback_duration > 0
        return (self.position or 0.0) > 0

    @property
    def at_end(self) -> bool:
        """Whether it stands at the end of a video that has one."""
        if not self.duration or self.position is None:
            return False
        live = self.stream_type is not None and self.stream_type.lower() == "live"
        return not live and self.duration - self.position <= NEAR_END


class Body(msgspec.Struct, gc=False):
    """A beacon."""

    event_name: str
    session_id: Name
    timestamp: float | None = None
    data: Data = msgspec.field(default_factory=Data)


About = dict[str, Any]


class Pillarbox(Format):
    """Reads ``/pillarbox``, and the path that the players have by default."""

    paths = ("/pillarbox", "/api/events")
    answers = Answers(HTTPStatus.NO_CONTENT, b"")

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._decode = msgspec.json.Decoder(Body).decode

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """The events of one beacon."""
        said = decode(self._decode, body)
        means = _MEANS.get(said.event_name)
        if means is None:
            raise RefusedError(Rejection.UNKNOWN_TYPE)
        about: About = {
            "play_id": said.session_id,
            "at": when(said.timestamp),
            "player": Player.PILLARBOX,
            "format": BeaconFormat.OTHER,
            **classes(self._client(said.data, sender)),
        }
        events = means(said.data, about)
        return Parsed(tuple(event.cleaned(self._cleaner) for event in events))

    def _client(self, data: Data, sender: Sender) -> Client:
        """What the user agent says, and what an app says that has none."""
        agent = data.browser.user_agent if data.browser is not None else None
        client = self._cleaner.client(agent or sender.user_agent, sender.country)
        if data.device is not None and data.device.type is not None:
            device = DEVICES.get(data.device.type.lower(), client.device)
            client = client._replace(device=device)
        if data.os is not None and data.os.name is not None:
            system = SYSTEMS.get(data.os.name.lower(), client.system)
            client = client._replace(system=system)
        return client


def _start(data: Data, about: About) -> tuple[Event, ...]:
    timings = data.qoe_timings or Timings()
    waited = timings.asset if timings.total is None else timings.total
    device = data.device.id if data.device is not None else None
    return (
        told.Prepared(
            **about,
            video_id=named(data.media.id) if data.media is not None else None,
            duration_seconds=seconds(data.duration),
            ready=True,
            loading_seconds=seconds(waited),
            viewer=device or None,
        ),
    )


def _heartbeat(data: Data, about: About) -> tuple[Event, ...]:
    if data.moved:
        status: Event = told.Progressed(**about, **_totals(data))
    else:
        status = told.Prepared(**about, duration_seconds=seconds(data.duration))
    if not data.bitrate:
        return (status,)
    return status, told.RenditionChanged(**about, bitrate_bps=data.bitrate)


def _stop(data: Data, about: About) -> tuple[Event, ...]:
    if not data.moved:
        return (told.Left(**about),)
    end = told.Finished if data.at_end else told.Left
    return (end(**about, **_totals(data)),)


def _error(data: Data, about: About) -> tuple[Event, ...]:
    fatal = data.severity is None or data.severity.lower() != "warning"
    error = f"{data.name or ''} {data.message or ''}".strip()
    return (told.Failed(**about, error=error[:MOST_ERROR], fatal=fatal),)


def _totals(data: Data) -> dict[str, Any]:
    stall = data.stall or Stall()
    # A live stream may be behind the beginning of what can be watched.
    position = None if data.position is None else max(data.position, 0.0)
    return {
        "duration_seconds": seconds(data.duration),
        "position_seconds": seconds(position),
        "played_seconds": seconds(data.playback_duration),
        "stalls": stall.count,
        "stalled_seconds": seconds(stall.duration),
    }


_MEANS: Final[Mapping[str, Callable[[Data, About], tuple[Event, ...]]]] = {
    "START": _start,
    "HEARTBEAT": _heartbeat,
    "STOP": _stop,
    "ERROR": _error,
}
