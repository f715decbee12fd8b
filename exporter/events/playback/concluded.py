"""What the pipeline itself concludes about plays; no client can send these."""

from __future__ import annotations

from typing import NamedTuple

from exporter.event import Client, Event, Field, Network, Point
from exporter.events.playback import metrics
from exporter.events.playback.classes import (
    BeaconFormat,
    CmcdPlayer,
    Completed,
    Completion,
    ErrorType,
    Outcome,
    Player,
    Preview,
    Repair,
)
from exporter.events.playback.totals import Kind, Totals, labels, observations
from exporter.metric import Observation


class Conclusion(Event, frozen=True, kw_only=True, gc=False):
    """Something that no single event says."""


class Began(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.began"):
    """The first sign of a play, and what player it is as far as is known."""

    player: Player

    def observe(self) -> list[Observation]:
        """One attempt."""
        return [metrics.ATTEMPTS(metrics.ByPlayer(self.player))]


class OfVideo(Conclusion, frozen=True, kw_only=True, gc=False):
    """A conclusion that the totals of its video are made of."""

    video: str | None
    preview: Preview


class Viewed(OfVideo, frozen=True, kw_only=True, gc=False, tag="playback.viewed"):
    """It is known what somebody asked for."""

    def observe(self) -> list[Observation]:
        """One view."""
        return [metrics.VIEWS(metrics.ViewLabels(self.preview))]


class FirstFrameShown(
    Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.first_frame_shown"
):
    """An attempt became a play."""

    player: Player

    def observe(self) -> list[Observation]:
        """One start."""
        return [metrics.STARTED(metrics.ByPlayer(self.player))]


class StartupTimed(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.startup_timed"):
    """It is known how long the first frame took."""

    kind: Kind
    seconds: float

    def observe(self) -> list[Observation]:
        """One time under each family of segments."""
        to = labels(self.kind)
        return [
            metrics.STARTUP(to.on_device, self.seconds),
            metrics.STARTUP_BY_NETWORK(to.on_network, self.seconds),
            metrics.STARTUP_BY_PLAYER(to.by_player, self.seconds),
        ]


class StallTimed(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.stall_timed"):
    """A stall of which somebody told is over."""

    seconds: float

    def observe(self) -> list[Observation]:
        """One length."""
        return [metrics.STALL((), self.seconds)]


class Advanced(OfVideo, frozen=True, kw_only=True, gc=False, tag="playback.advanced"):
    """A play went on, by so much."""

    kind: Kind
    grown: Totals

    def observe(self) -> list[Observation]:
        """The increase of each total."""
        return observations(self.grown, self.kind)


class ErrorMet(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.error_met"):
    """A play met an error of a kind that it had not met before."""

    error_type: ErrorType

    def observe(self) -> list[Observation]:
        """One play and kind of error."""
        return [metrics.ERRORS(metrics.OfType(self.error_type))]


class Clamped(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.clamped"):
    """A number of a player was absurd, and was not used."""

    def observe(self) -> list[Observation]:
        """One absurd number."""
        return [metrics.CLAMPED()]


class Repaired(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.repaired"):
    """Something that a player gets wrong was made good in a play, for the first time."""

    player: CmcdPlayer
    repair: Repair

    def observe(self) -> list[Observation]:
        """One play and repair."""
        return [metrics.REPAIRS(metrics.RepairLabels(self.player, self.repair))]


class Segments(NamedTuple):
    """What a play is told apart by, as tags of its point; ``stamp`` is that of the point."""

    client: Client
    network: Network
    player: Player
    cdn: str
    video: str | None
    course: str | None
    preview: Preview
    outcome: Outcome
    completion: Completion
    stamp: int

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Every segment."""
        client = self.client
        return (
            ("browser", client.browser),
            ("cdn", self.cdn),
            ("completion", self.completion),
            ("country", client.country),
            ("course", self.course or "unknown"),
            ("device", client.device),
            ("network", self.network),
            ("os", client.system),
            ("outcome", self.outcome),
            ("player", self.player),
            ("preview", self.preview),
            ("region", client.region),
            ("video", self.video or "unknown"),
        )


Fields = tuple[tuple[str, Field], ...]


class Ended(OfVideo, frozen=True, kw_only=True, gc=False, tag="playback.ended"):
    """A play is over.

    ``completed`` and ``engagement`` are None where the duration is not known; ``path`` are the
    runs of segments that were watched (:mod:`exporter.events.playback.path`).
    """

    about: Segments
    fields: Fields
    completed: bool | None
    engagement: float | None
    path: bytes
    format: BeaconFormat
    expected: int
    missing: int

    def observe(self) -> list[Observation]:
        """One end, under each family of segments, and what belongs to the end."""
        about = self.about
        outcome, device = about.outcome, about.client.device
        found = [
            metrics.ENDED(metrics.EndedLabels(outcome, about.player)),
            metrics.ENDED_BY_DEVICE(metrics.EndedByDeviceLabels(outcome, device)),
        ]
        if self.completed is not None:
            completed = Completed.YES if self.completed else Completed.NO
            found.append(metrics.COMPLETIONS(metrics.CompletionLabels(device, completed)))
        if self.engagement is not None:
            found.append(metrics.ENGAGEMENT(metrics.OnDevice(device), self.engagement))
        if self.expected:
            of = metrics.OfFormat(self.format)
            found.append(metrics.BEACONS_EXPECTED(of, float(self.expected)))
            if self.missing:
                found.append(metrics.BEACONS_MISSING(of, float(self.missing)))
        return found

    def points(self) -> list[Point]:
        """The play's one point."""
        return [Point("play", self.about.tags, self.fields, self.about.stamp, open_tags=True)]


class Amended(Conclusion, frozen=True, kw_only=True, gc=False, tag="playback.amended"):
    """A play went on after its end was counted; its point gets the later numbers."""

    about: Segments
    fields: Fields

    def points(self) -> list[Point]:
        """The play's one point, again."""
        return [Point("play", self.about.tags, self.fields, self.about.stamp, open_tags=True)]
