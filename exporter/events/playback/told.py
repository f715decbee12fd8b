"""What players and servers tell about one play; each event names its play.

The terms are those of CTA-2066: a play is requested, starts (its first frame), stalls, goes on, is
paused, and ends. What a player has counted since it began (``playback.progressed``) is cumulative.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporter.event import (
    UNKNOWN_COUNTRY,
    Browser,
    Cleaner,
    Client,
    Count,
    Device,
    Event,
    Name,
    Network,
    Region,
    System,
    Text,
)
from exporter.events.playback.classes import (
    BeaconFormat,
    ErrorType,
    Player,
    PlayerState,
    Repair,
)
from exporter.metric import Cdn

Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)")]
ErrorCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:\-]{1,64}$(?!\n)")]
"""What a player or its maker calls an error: no text, so that it can name nobody."""

_is_code = re.compile(r"[A-Za-z0-9._:\-]{1,64}").fullmatch


def error_code(*said: str) -> str | None:
    """The first of several that is a code."""
    return next(filter(_is_code, said), None)


@lru_cache(4096)
def _client(
    device: Device, browser: Browser, system: System, region: Region, country: str | None
) -> Client:
    """One object for all plays with these classes."""
    return Client(device, browser, system, region, country or UNKNOWN_COUNTRY)


class Told(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something about one play; any event may say what is known of the video and the client.

    ``sequence`` numbers the beacons of a play, one by one. Cleaned, ``play_id`` is a keyed hash
    where its viewer did not consent, ``cdn`` is a listed one, and ``user_agent`` and ``country``
    are classes. Numbers are taken as they come: the absurd ones
    are counted and not used.
    """

    play_id: Name
    sequence: Count | None = None
    video_id: Name | None = None
    course_id: Name | None = None
    duration_seconds: float | None = None
    player: Player = Player.OTHER
    cdn: Text | None = None
    network: Network = Network.OTHER
    user_agent: Text | None = None
    country: Country | None = None
    device: Device = Device.OTHER
    browser: Browser = Browser.OTHER
    system: System = System.OTHER
    region: Region = Region.OTHER
    format: BeaconFormat = BeaconFormat.EVENTS

    def cleaned(self, cleaner: Cleaner) -> Told:
        """With classes for the client and a listed CDN."""
        changes = self._changes(cleaner)
        return msgspec.structs.replace(self, **changes) if changes else self

    def _changes(self, cleaner: Cleaner) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        play_id = cleaner.play(self.play_id)
        if play_id is not self.play_id:
            changes["play_id"] = play_id
        if self.user_agent is not None or self.country is not None:
            client = cleaner.client(self.user_agent, self.country)
            if self.user_agent is not None:
                changes.update(
                    user_agent=None,
                    device=client.device,
                    browser=client.browser,
                    system=client.system,
                )
            if self.country is not None:
                changes.update(region=client.region, country=client.country)
        if self.cdn is not None:
            # The journal's encoder knows str, not its subclasses.
            changes["cdn"] = str(cleaner.listed(Cdn, self.cdn))
        return changes

    @property
    def client(self) -> Client:
        """The classes of the client."""
        return _client(self.device, self.browser, self.system, self.region, self.country)


class Requested(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.requested"
):
    """Somebody asked for a video. ``viewer`` names a person or a browser and becomes a hash."""

    preview: bool = False
    viewer: Text | None = None

    def cleaned(self, cleaner: Cleaner) -> Requested:
        """With a keyed hash of the viewer; who is not named is as good as this play."""
        viewer = cleaner.who(self.viewer or self.play_id)
        return msgspec.structs.replace(self, viewer=viewer, **self._changes(cleaner))


class Prepared(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.prepared"
):
    """A player that may begin, whether or not anybody wants it to: no attempt by itself.

    ``ready`` false: it has begun to load; true: it could begin, after ``loading_seconds`` or, if
    those are unsaid, after the time between the two. That is its startup, if it does begin.
    """

    ready: bool | None = None
    loading_seconds: float | None = None
    viewer: Text | None = None

    def cleaned(self, cleaner: Cleaner) -> Prepared:
        """With a keyed hash of the viewer, if one is named."""
        changes = self._changes(cleaner)
        if self.viewer is not None:
            changes["viewer"] = cleaner.who(self.viewer)
        return msgspec.structs.replace(self, **changes)


class Started(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.started"
):
    """The first frame is on the screen; later ones of a play only say that it goes on."""

    startup_seconds: float | None = None
    """Request to first frame by the player's clock; unsaid, the two events tell."""


class Resumed(Told, frozen=True, kw_only=True, gc=False, tag="playback.resumed"):
    """The picture moves again, after a stall, a pause or a seek."""


class Buffered(Told, frozen=True, kw_only=True, gc=False, tag="playback.buffered"):
    """A stall or a jump is over: the play goes on as it was before, moving or paused."""


class Stalled(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.stalled"
):
    """The picture stands still for want of data; with ``seconds``, it did so and goes on."""

    seconds: float | None = None


class Paused(Told, frozen=True, kw_only=True, gc=False, tag="playback.paused"):
    """The person paused."""


class Seeked(Told, frozen=True, kw_only=True, gc=False, tag="playback.seeked"):
    """The person jumped; until the picture moves again, nothing is a stall."""


class RenditionChanged(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.rendition_changed"
):
    """The player shows a rendition of ``bitrate_bps``; the first one is no change."""

    bitrate_bps: float


class Progressed(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.progressed"
):
    """What a player has counted since its play began; ``position_seconds`` is where it is now.

    ``watched_seconds`` is wall clock without the pauses of the person; ``media_seconds`` and
    ``bits`` are what was played, at whatever ``speed``. ``played_seconds`` is watched time of a
    player that knows no stalls: it may begin to count again after one.
    """

    position_seconds: float | None = None
    watched_seconds: float | None = None
    media_seconds: float | None = None
    bits: float | None = None
    stalls: float | None = None
    stalled_seconds: float | None = None
    pauses: float | None = None
    seeks: float | None = None
    quality_changes: float | None = None
    speed: float | None = None
    played_seconds: float | None = None


class Finished(
    Progressed, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.finished"
):
    """The player came to the end of the video."""


class Left(
    Progressed, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.left"
):
    """The person went away."""


class Failed(Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.failed"):
    """Something went wrong; unless it is ``fatal``, the play goes on.

    An end that names no error is one of the kind that another event named, or ``other``.
    """

    error: Text = ""
    error_type: ErrorType | None = None
    error_code: ErrorCode | None = None
    fatal: bool = True

    def cleaned(self, cleaner: Cleaner) -> Failed:
        """With a fingerprint instead of the text."""
        unnamed = self.fatal and not self.error
        return msgspec.structs.replace(
            self,
            error=cleaner.fingerprint(self.error),
            error_type=self.error_type or (None if unnamed else ErrorType.of(self.error)),
            **self._changes(cleaner),
        )


class Sampled(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.sampled"
):
    """How a player says it is at a moment: a state, not a change of it, and what it has measured.

    ``state`` None: only what else it says is new. ``startup_seconds``, ``stalls`` and
    ``stalled_seconds`` count where no states are told; ``stall_seconds`` are stalls that are over,
    each length once. ``urgent`` is what a request of media shows: that the player still waits
    (true) or has enough (false), and ``starved`` that it had run dry. An error is ``fatal`` or
    not, or its player does not say (None).
    """

    state: PlayerState | None = None
    startup_seconds: float | None = None
    position_seconds: float | None = None
    speed: float | None = None
    bitrate_bps: float | None = None
    top_bitrate_bps: float | None = None
    throughput_bps: float | None = None
    buffer_seconds: float | None = None
    ttfb_seconds: float | None = None
    dropped_frames: float | None = None
    stalls: float | None = None
    stalled_seconds: float | None = None
    stall_seconds: float | None = None
    urgent: bool | None = None
    starved: bool = False
    error_type: ErrorType | None = None
    error_code: ErrorCode | None = None
    fatal: bool | None = None
    viewer: Text | None = None
    repaired: tuple[Repair, ...] = ()

    def cleaned(self, cleaner: Cleaner) -> Sampled:
        """With a keyed hash of the viewer, if one is named."""
        changes = self._changes(cleaner)
        if self.viewer is not None:
            changes["viewer"] = cleaner.who(self.viewer)
        return msgspec.structs.replace(self, **changes) if changes else self
