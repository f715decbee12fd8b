"""What is remembered of one play."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from exporter.event import NOBODY, Client, Network, State
from exporter.events.playback.classes import BeaconFormat, Outcome, Player
from exporter.events.playback.concluded import Segments
from exporter.events.playback.heard import Heard
from exporter.events.playback.order import Sequence
from exporter.events.playback.path import Path
from exporter.events.playback.timeline import Timeline
from exporter.events.playback.totals import NOTHING, Totals
from exporter.instant import Instant


class Phase(IntEnum):
    """Where a play is in its life."""

    OPENING = 0
    """Just begun: the request, and the first frame, may still be under way."""
    OPEN = 1
    SETTLING = 2
    OVER = 3


class Facts(msgspec.Struct, gc=False, kw_only=True, array_like=True):
    """What is known of one play; a bit of ``errors`` or ``absurd`` is a member of a list.

    Written down by place: names of this many would be half of it. What is new comes last.
    """

    play_id: str
    began: float
    last: float
    video: str | None = None
    course: str | None = None
    viewer: str | None = None
    preview: bool | None = None
    duration: float | None = None
    client: Client = NOBODY
    network: Network = Network.OTHER
    player: Player = Player.OTHER
    cdn: str = "other"
    format: BeaconFormat = BeaconFormat.OTHER
    prepared: bool = False
    """Whether it was prepared, which alone is no attempt."""
    wanted: bool = False
    """Whether anything shows that somebody wanted it to begin."""
    introduced: bool = False
    """Whether the attempt is counted; from then on it has its player."""
    started: bool = False
    first_frame_counted: bool = False
    startup_counted: bool = False
    requested: Instant | None = None
    first_frame: Instant | None = None
    said_startup: float | None = None
    loading: Instant | None = None
    ready: Instant | None = None
    said_loading: float | None = None
    startup: float | None = None
    left: Instant | None = None
    outcome: Outcome | None = None
    furthest: float | None = None
    reported: Totals | None = None
    """The greatest of what the player said, if it said anything."""
    counted: Totals = NOTHING
    timeline: Timeline | None = None
    path: Path | None = None
    heard: Heard | None = None
    """What samples say, of a player that sends them."""
    sequence: Sequence | None = None
    errors: int = 0
    absurd: int = 0
    about: Segments | None = None
    """How it was counted at its end, whatever is learned later."""
    error_code: tuple[float, str] | None = None
    """The first code of an error, and when it was told."""


class Play(State, gc=False, kw_only=True, omit_defaults=True):
    """A play; long after its end nothing but that it is over."""

    phase: Phase = Phase.OPENING
    facts: Facts | None = None
