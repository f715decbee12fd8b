"""What the pipeline itself concludes about uploads; no client can send these."""

from __future__ import annotations

from typing import NamedTuple

from exporter.event import Client, Event, Field, Network, Point
from exporter.events.upload import metrics
from exporter.events.upload.classes import (
    AgeClass,
    ErrorType,
    Interruption,
    Outcome,
    Resolution,
    Result,
    SizeClass,
    Source,
)
from exporter.events.upload.measured import Kind, Measured, observations
from exporter.metric import Observation


class Conclusion(Event, frozen=True, kw_only=True, gc=False):
    """Something that no single event says."""


class Began(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.began"):
    """The first sign of an upload."""

    def observe(self) -> list[Observation]:
        """One attempt."""
        return [metrics.STARTED()]


class Hinted(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.abandon_hinted"):
    """The page believes that the upload is abandoned."""

    def observe(self) -> list[Observation]:
        """A hint, never an end."""
        return [metrics.ABANDON_HINTS()]


class ErrorMet(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.error_met"):
    """An upload met an error of a kind that it had not met before."""

    error_type: ErrorType

    def observe(self) -> list[Observation]:
        """One upload and kind of error."""
        return [metrics.ERRORS(metrics.OfType(self.error_type))]


class Interrupted(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.interrupted"):
    """An upload that had stood still goes on."""

    kind: Interruption
    seconds: float

    def observe(self) -> list[Observation]:
        """How long it stood still."""
        return [metrics.INTERRUPTIONS(metrics.Interrupted(self.kind), self.seconds)]


class RecoveredLate(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.recovered_late"):
    """An upload completed after it had been counted abandoned or failed."""

    def observe(self) -> list[Observation]:
        """Counted beside the end, which stays."""
        return [metrics.RECOVERED_LATE()]


class Segments(NamedTuple):
    """What an upload is told apart by; ``age`` in seconds, ``stamp`` that of its point."""

    client: Client
    network: Network
    size: int | None
    resolution: Resolution
    outcome: Outcome
    error_type: ErrorType | None
    age: float
    stamp: int

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Every segment, as tags of the upload's point."""
        client = self.client
        return (
            ("age_class", AgeClass.of(self.age)),
            ("browser", client.browser),
            ("country", client.country),
            ("device", client.device),
            ("error_type", self.error_type or "none"),
            ("network", self.network),
            ("os", client.system),
            ("outcome", self.outcome),
            ("region", client.region),
            ("resolution", self.resolution),
            ("size_class", SizeClass.of(self.size)),
        )

    @property
    def kind(self) -> Kind:
        """The segments of the upload's numbers."""
        return Kind(
            Source.LIFECYCLE,
            self.network,
            self.client.region,
            SizeClass.of(self.size),
            self.resolution,
        )


class About(Conclusion, frozen=True, kw_only=True, gc=False):
    """A conclusion about an upload that is over; its point is the upload's one point."""

    about: Segments

    def point(self, *fields: tuple[str, Field]) -> Point:
        """The upload's one point, or more fields for it."""
        return Point("upload", self.about.tags, fields, self.about.stamp)


class Ended(About, frozen=True, kw_only=True, gc=False, tag="upload.ended"):
    """An upload is over: completed, failed or abandoned."""

    upload_id: str
    measured: Measured
    recovery: Result | None
    errors: int
    rating: int | None
    preview: float | None
    cancelled: bool = False
    rewinds: int = 0

    def observe(self) -> list[Observation]:
        """One end, under each family of segments, and what the upload measured."""
        about = self.about
        client, outcome = about.client, about.outcome
        size_class = SizeClass.of(about.size)
        by_client = metrics.EndedByClientLabels(outcome, client.browser, about.network)
        ended = [
            metrics.ENDED(metrics.EndedLabels(outcome, client.device, size_class)),
            metrics.ENDED_BY_CLIENT(by_client),
            metrics.ENDED_BY_AGE(metrics.EndedByAgeLabels(outcome, AgeClass.of(about.age))),
            metrics.ENDED_BY_REGION(metrics.EndedByRegionLabels(outcome, client.region)),
            *observations(self.measured, about.kind),
        ]
        if self.cancelled:
            ended.append(metrics.CANCELLED())
        if self.rewinds:
            ended.append(metrics.REWINDS((), float(self.rewinds)))
        if self.recovery is not None:
            error_type = about.error_type or ErrorType.OTHER
            ended.append(metrics.RECOVERIES(metrics.RecoveryLabels(error_type, self.recovery)))
        return ended

    def points(self) -> list[Point]:
        """The upload's one point."""
        about = self.about
        fields: list[tuple[str, Field]] = [
            ("upload_id", self.upload_id),
            ("active_seconds", about.age),
            ("errors", self.errors),
            *self.measured.fields(),
        ]
        if about.size is not None:
            fields.append(("file_size_bytes", about.size))
        if self.rating is not None:
            fields.append(("rating", float(self.rating)))
        if self.preview is not None:
            fields.append(("preview_seconds", self.preview))
        return [self.point(*fields)]


class MeasuredLate(About, frozen=True, kw_only=True, gc=False, tag="upload.measured_late"):
    """Numbers that came after the end; they complete the upload's point."""

    measured: Measured

    def observe(self) -> list[Observation]:
        """The numbers that had not been known at the end."""
        return observations(self.measured, self.about.kind)

    def points(self) -> list[Point]:
        """More fields for the upload's point."""
        return [self.point(*self.measured.fields())]


class PreviewTimed(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.preview_timed"):
    """The preview of a completed upload was shown."""

    client: Client
    seconds: float

    def observe(self) -> list[Observation]:
        """Completion to preview."""
        return [metrics.PREVIEW(metrics.OnDevice(self.client.device), self.seconds)]


class Rated(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.rated"):
    """Somebody rated an upload; the first rating counts."""

    client: Client
    rating: int

    def observe(self) -> list[Observation]:
        """One rating."""
        return [metrics.RATING(metrics.OnDevice(self.client.device), float(self.rating))]


class Amended(About, frozen=True, kw_only=True, gc=False, tag="upload.amended"):
    """A preview or a rating came after the end; it completes the upload's point."""

    field: str
    value: float

    def points(self) -> list[Point]:
        """One more field for the upload's point."""
        return [self.point((self.field, self.value))]


class Clamped(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.clamped"):
    """A time that somebody's clock gave was absurd, and was not used."""

    def observe(self) -> list[Observation]:
        """One absurd time."""
        return [metrics.CLAMPED()]
