"""The bodies that the trackers of video pages send, and what they mean.

Times are seconds, counts are cumulative. Anything but the session may be null or absent. A retry
has the same bytes and may overtake what was sent before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec

from exporter.event import UNKNOWN_COUNTRY, Beacon, Cleaner, Event, Name, Received, Text, trial_of
from exporter.events.playback.classes import BeaconFormat
from exporter.events.playback.told import Finished, Progressed, Requested

Id = Name | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An id of the page's database may be a number, but none that is longer than a name may be."""


class View(msgspec.Struct, gc=False):
    """``POST /api/analytics/video-view``; unknown keys are ignored."""

    session_id: Name
    video_id: Id | None = None
    course_id: Id | None = None
    user_id: Text | int | None = None
    video_duration_seconds: float | None = None
    is_preview: bool | None = None
    experiment: Any = None
    variant: Any = None


class Progress(msgspec.Struct, gc=False):
    """``POST /api/analytics/video-progress``, every 15 s, and ``/video-complete``."""

    session_id: Name
    current_position_seconds: float | None = None
    watch_time_seconds: float | None = None
    pause_count: float | None = None
    seek_count: float | None = None
    average_playback_speed: float | None = None
    quality_changes: float | None = None
    experiment: Any = None
    variant: Any = None


def view(body: View, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """Somebody asked for a video."""
    # Who is not named is as good as this session.
    viewer = body.session_id if body.user_id in {None, ""} else str(body.user_id)
    yield Requested(
        id=received.id,
        play_id=cleaner.play(body.session_id),
        video_id=_name(body.video_id),
        course_id=_name(body.course_id),
        duration_seconds=body.video_duration_seconds,
        preview=bool(body.is_preview),
        viewer=cleaner.who(viewer),
        **_sender(received),
        **trial_of(body.experiment, body.variant),
    )


def progress(body: Progress, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """The totals of a play so far."""
    # Without an id: a paused player that says the same again is alive, and totals may repeat.
    yield Progressed(**_totals(body, cleaner), **_sender(received))


def complete(body: Progress, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """The end of a play, with its totals."""
    yield Finished(id=received.id, **_totals(body, cleaner), **_sender(received))


def _name(given: str | int | None) -> str | None:
    return None if given is None else str(given)


def _totals(body: Progress, cleaner: Cleaner) -> dict[str, Any]:
    return {
        "play_id": cleaner.play(body.session_id),
        "position_seconds": body.current_position_seconds,
        "watched_seconds": body.watch_time_seconds,
        "pauses": body.pause_count,
        "seeks": body.seek_count,
        "quality_changes": body.quality_changes,
        "speed": body.average_playback_speed,
        **trial_of(body.experiment, body.variant),
    }


def _sender(received: Received) -> dict[str, Any]:
    client = received.client
    return {
        "format": BeaconFormat.TRACKER,
        "device": client.device,
        "browser": client.browser,
        "system": client.system,
        "region": client.region,
        "country": None if client.country == UNKNOWN_COUNTRY else client.country,
    }


ANALYTICS: Final = "/api/analytics"

BEACONS: Final = (
    Beacon(f"{ANALYTICS}/video-view", View, view),
    Beacon(f"{ANALYTICS}/video-progress", Progress, progress),
    Beacon(f"{ANALYTICS}/video-complete", Progress, complete),
)
