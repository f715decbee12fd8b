"""What the pipeline itself concludes about generations; no client can send these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter.event import Event, Field, Point
from exporter.events.generation import metrics
from exporter.events.generation.classes import ErrorType, Outcome, Result
from exporter.metric import Currency, Observation, Provider


class Conclusion(Event, frozen=True, kw_only=True, gc=False):
    """Something that no single event says."""


class Began(Conclusion, frozen=True, kw_only=True, gc=False, tag="generation.began"):
    """The first sign of a generation."""

    def observe(self) -> list[Observation]:
        """One request."""
        return [metrics.REQUESTED()]


class ErrorMet(Conclusion, frozen=True, kw_only=True, gc=False, tag="generation.error_met"):
    """An attempt failed in a way that had not been told yet."""

    provider: str
    error_type: ErrorType

    def observe(self) -> list[Observation]:
        """One error."""
        labels = metrics.ErrorLabels(Provider(self.provider), self.error_type)
        return [metrics.ERRORS(labels)]


class Clamped(Conclusion, frozen=True, kw_only=True, gc=False, tag="generation.clamped"):
    """A number was absurd and was not used."""

    def observe(self) -> list[Observation]:
        """One absurd number."""
        return [metrics.CLAMPED()]


class Rated(Conclusion, frozen=True, kw_only=True, gc=False, tag="generation.rating_counted"):
    """Somebody rated a video; the first rating counts."""

    provider: str
    rating: int

    def observe(self) -> list[Observation]:
        """One rating."""
        labels = metrics.ByProvider(Provider(self.provider))
        return [metrics.RATING(labels, float(self.rating))]


class Segments(NamedTuple):
    """What a generation is told apart by; ``stamp`` is that of its point."""

    outcome: Outcome
    provider: str
    error_type: ErrorType | None
    currency: str | None
    stamp: int

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Every segment, as tags of the generation's point."""
        return (
            ("currency", self.currency or "none"),
            ("error_type", self.error_type or "none"),
            ("outcome", self.outcome),
            ("provider", self.provider),
        )


class Measured(NamedTuple):
    """Numbers of one generation in base units; None where nobody knows.

    ``duration`` requested to ready (s); ``queue`` requested to started (s); ``quality`` 0 to 10;
    ``cost`` in a listed currency; ``attempts`` that it needed; ``run`` of the model (s).
    """

    duration: float | None = None
    queue: float | None = None
    quality: float | None = None
    cost: float | None = None
    bytes: float | None = None
    attempts: float = 0.0
    run: float | None = None

    def fields(self) -> list[tuple[str, Field]]:
        """What is known but the attempts, as fields of a point."""
        numbers = (
            ("duration_seconds", self.duration),
            ("queue_seconds", self.queue),
            ("run_seconds", self.run),
            ("quality_score", self.quality),
            ("cost", self.cost),
            ("bytes", self.bytes),
        )
        return [(name, value) for name, value in numbers if value is not None]


def _made(
    provider: Provider, measured: Measured, currency: str | None, *, unpriced: bool
) -> Iterator[Observation]:
    """What a video is and costs, whoever still waited for it."""
    by_provider = metrics.ByProvider(provider)
    if measured.run is not None:
        yield metrics.RUN_TIME((), measured.run)
    if measured.quality is not None:
        yield metrics.QUALITY(by_provider, measured.quality)
    if measured.bytes is not None:
        yield metrics.OUTPUT_BYTES(by_provider, measured.bytes)
    if unpriced:
        yield metrics.UNPRICED()
    elif measured.cost is not None and currency is not None:
        labels = metrics.CostLabels(provider, Currency(currency))
        yield metrics.COST(labels, measured.cost)
        yield metrics.PRICED(labels)


class About(Conclusion, frozen=True, kw_only=True, gc=False):
    """A conclusion about a generation that is over; its point is the generation's one point."""

    about: Segments

    def point(self, *fields: tuple[str, Field]) -> Point:
        """The generation's one point, or more fields for it."""
        return Point("generation", self.about.tags, fields, self.about.stamp)


class Ended(About, frozen=True, kw_only=True, gc=False, tag="generation.ended"):
    """A generation is over: delivered, failed, cancelled or lost."""

    generation_id: str
    measured: Measured
    unpriced: bool
    """Whether it cost something in a currency that is not listed."""
    recovery: Result | None
    errors: int
    rating: int | None
    model: str | None = None

    def observe(self) -> list[Observation]:
        """One end, and what the generation measured."""
        about, measured = self.about, self.measured
        provider = Provider(about.provider)
        by_provider = metrics.ByProvider(provider)
        ended = [metrics.ENDED(metrics.EndedLabels(about.outcome, provider))]
        if measured.attempts:
            ended.append(metrics.ATTEMPTS(by_provider, measured.attempts))
        if measured.queue is not None:
            ended.append(metrics.QUEUE_TIME((), measured.queue))
        if measured.duration is not None:
            ended.append(metrics.DURATION(by_provider, measured.duration))
        if self.recovery is not None:
            ended.append(metrics.RECOVERIES(metrics.RecoveryLabels(provider, self.recovery)))
        return [*ended, *_made(provider, measured, about.currency, unpriced=self.unpriced)]

    def points(self) -> list[Point]:
        """The generation's one point."""
        fields: list[tuple[str, Field]] = [
            ("generation_id", self.generation_id),
            ("attempts", self.measured.attempts),
            ("errors", self.errors),
        ]
        if self.model is not None:
            fields.append(("model", self.model))
        fields += self.measured.fields()
        if self.rating is not None:
            fields.append(("rating", float(self.rating)))
        return [self.point(*fields)]


class DeliveredLate(About, frozen=True, kw_only=True, gc=False, tag="generation.delivered_late"):
    """A video came after the end of its generation: the end stays, but it was made and paid."""

    provider: str
    currency: str | None
    measured: Measured
    unpriced: bool

    def observe(self) -> list[Observation]:
        """One video, without its duration: nobody waited for it so long."""
        made = _made(Provider(self.provider), self.measured, self.currency, unpriced=self.unpriced)
        return [metrics.DELIVERED_AFTER_END(), *made]

    def points(self) -> list[Point]:
        """More fields for the generation's point; its duration has a name of its own."""
        fields = dict(self.measured.fields())
        if "duration_seconds" in fields:
            fields["delivered_after_seconds"] = fields.pop("duration_seconds")
        return [self.point(("delivered_late", True), *fields.items())]


class RatedLate(About, frozen=True, kw_only=True, gc=False, tag="generation.rated_late"):
    """A rating came after the end; it completes the generation's point."""

    rating: int

    def points(self) -> list[Point]:
        """One more field for the generation's point."""
        return [self.point(("rating", float(self.rating)))]
