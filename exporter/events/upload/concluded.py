"""What the pipeline itself concludes about uploads; no client can send these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from exporter.event import Client, Event, Field, Network, Point
from exporter.events.upload import metrics
from exporter.events.upload.classes import (
    AgeClass,
    ErrorType,
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

    def observe(self) -> Iterable[Observation]:
        """One attempt."""
        yield metrics.STARTED()


class Hinted(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.abandon_hinted"):
    """The page believes that the upload is abandoned."""

    def observe(self) -> Iterable[Observation]:
        """A hint, never an end."""
        yield metrics.ABANDON_HINTS()


class ErrorMet(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.error_met"):
    """An upload met an error of a kind that it had not met before."""

    error_type: ErrorType

    def observe(self) -> Iterable[Observation]:
        """One upload and kind of error."""
        yield metrics.ERRORS(metrics.OfType(self.error_type))


class RecoveredLate(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.recovered_late"):
    """An upload completed after it had been counted abandoned or failed."""

    def observe(self) -> Iterable[Observation]:
        """Counted beside the end, which stays."""
        yield metrics.RECOVERED_LATE()


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
            ("outcome", self.outcome),
            ("device", client.device),
            ("browser", client.browser),
            ("os", client.system),
            ("network", self.network),
            ("size_class", SizeClass.of(self.size)),
            ("resolution", self.resolution),
            ("region", client.region),
            ("country", client.country),
            ("error_type", self.error_type or "none"),
            ("age_class", AgeClass.of(self.age)),
        )

    @property
    def kind(self) -> Kind:
        """The segments of the upload's numbers."""
        return Kind(Source.LIFECYCLE, self.client, self.network, self.size, self.resolution)


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

    def observe(self) -> Iterable[Observation]:
        """One end, under each family of segments, and what the upload measured."""
        about = self.about
        client, outcome = about.client, about.outcome
        size_class = SizeClass.of(about.size)
        yield metrics.ENDED(metrics.EndedLabels(outcome, client.device, size_class))
        yield metrics.ENDED_BY_CLIENT(
            metrics.EndedByClientLabels(outcome, client.browser, about.network)
        )
        yield metrics.ENDED_BY_AGE(metrics.EndedByAgeLabels(outcome, AgeClass.of(about.age)))
        yield metrics.ENDED_BY_REGION(metrics.EndedByRegionLabels(outcome, client.region))
        if self.recovery is not None:
            error_type = about.error_type or ErrorType.OTHER
            yield metrics.RECOVERIES(metrics.RecoveryLabels(error_type, self.recovery))
        yield from observations(self.measured, self.about.kind)

    def points(self) -> Iterable[Point]:
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
        yield self.point(*fields)


class MeasuredLate(About, frozen=True, kw_only=True, gc=False, tag="upload.measured_late"):
    """Numbers that came after the end; they complete the upload's point."""

    measured: Measured

    def observe(self) -> Iterable[Observation]:
        """The numbers that had not been known at the end."""
        yield from observations(self.measured, self.about.kind)

    def points(self) -> Iterable[Point]:
        """More fields for the upload's point."""
        if fields := self.measured.fields():
            yield self.point(*fields)


class PreviewTimed(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.preview_timed"):
    """The preview of a completed upload was shown."""

    client: Client
    seconds: float

    def observe(self) -> Iterable[Observation]:
        """Completion to preview."""
        yield metrics.PREVIEW(metrics.OnDevice(self.client.device), self.seconds)


class Rated(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.rated"):
    """Somebody rated an upload; the first rating counts."""

    client: Client
    rating: int

    def observe(self) -> Iterable[Observation]:
        """One rating."""
        yield metrics.RATING(metrics.OnDevice(self.client.device), float(self.rating))


class Amended(About, frozen=True, kw_only=True, gc=False, tag="upload.amended"):
    """A preview or a rating came after the end; it completes the upload's point."""

    field: str
    value: float

    def points(self) -> Iterable[Point]:
        """One more field for the upload's point."""
        yield self.point((self.field, self.value))


class Clamped(Conclusion, frozen=True, kw_only=True, gc=False, tag="upload.clamped"):
    """A time that somebody's clock gave was absurd, and was not used."""

    def observe(self) -> Iterable[Observation]:
        """One absurd time."""
        yield metrics.CLAMPED()
