"""What servers tell about the generation of one video; each event but one names it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporter.event import Cleaner, Count, Event, Name, Text
from exporter.events.generation import metrics
from exporter.events.generation.classes import ErrorType
from exporter.metric import Currency, Observation, Provider

Rating = Annotated[int, Meta(ge=1, le=5)]
Attempt = Annotated[int, Meta(ge=1, le=100)]
Model = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:/\-]+$(?!\n)")]


class Told(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something about one generation.

    ``provider`` becomes one of the listed providers. ``attempt`` starts at 1; where it is unsaid,
    the senders' clocks tell which attempt an event belongs to, and else the order of arrival.
    """

    generation_id: Name
    provider: Text | None = None
    attempt: Attempt | None = None
    model: Model | None = None
    """It becomes a field of the generation's point: anybody may name models."""

    def cleaned(self, cleaner: Cleaner) -> Told:
        """With a listed provider."""
        cleaned: Told = _listed(self, cleaner)
        return cleaned


def _listed(event: Any, cleaner: Cleaner, **changes: Any) -> Any:
    """The event with a listed provider, where it names one, and with other changes."""
    if event.provider is not None:
        # The journal's encoder knows str, not its subclasses.
        changes["provider"] = str(cleaner.listed(Provider, event.provider))
    return msgspec.structs.replace(event, **changes) if changes else event


class Requested(Told, frozen=True, kw_only=True, gc=False, tag="generation.requested"):
    """Somebody asked for a video."""


class Started(Told, frozen=True, kw_only=True, gc=False, tag="generation.started"):
    """An attempt to make it began; after a failure, another one."""


class Progressed(Told, frozen=True, kw_only=True, gc=False, tag="generation.progressed"):
    """It goes on. ``progress_ratio`` is accepted and not kept."""

    progress_ratio: float | None = None

    def cleaned(self, cleaner: Cleaner) -> Progressed:
        """A sign of life, and nothing else."""
        cleaned: Progressed = _listed(self, cleaner, progress_ratio=None)
        return cleaned


class Completed(Told, frozen=True, kw_only=True, gc=False, tag="generation.completed"):
    """The video is ready.

    Its numbers stand beside an end that must be counted whatever they are, so an absurd one costs
    itself and not the event: ``quality_score`` is 0 to 10, ``duration_seconds`` at most a
    day; ``run_seconds`` is the part of it in which the model worked.
    """

    duration_seconds: float | None = None
    run_seconds: float | None = None
    quality_score: float | None = None
    cost: float | None = None
    currency: Text | None = None
    bytes: float | None = None
    attempts: float | None = None

    def cleaned(self, cleaner: Cleaner) -> Completed:
        """With a listed provider and a listed currency; of an unlisted one, no amount."""
        changes: dict[str, Any] = {}
        if self.cost is not None or self.currency is not None:
            changes["currency"] = str(cleaner.listed(Currency, self.currency))
        cleaned: Completed = _listed(self, cleaner, **changes)
        return cleaned


class Failed(Told, frozen=True, kw_only=True, gc=False, tag="generation.failed"):
    """An attempt failed; whether it was the last one, time tells.

    ``error`` becomes its class and its fingerprint.
    """

    error: Text = ""
    error_type: ErrorType | None = None

    def cleaned(self, cleaner: Cleaner) -> Failed:
        """With a fingerprint instead of the text."""
        cleaned: Failed = _listed(
            self,
            cleaner,
            error=cleaner.fingerprint(self.error),
            error_type=self.error_type or ErrorType.of(self.error),
        )
        return cleaned


class Cancelled(Told, frozen=True, kw_only=True, gc=False, tag="generation.cancelled"):
    """Whoever asked for it does not want it any more."""


class Recovered(Told, frozen=True, kw_only=True, gc=False, tag="generation.recovered"):
    """An attempt had failed, and it goes on all the same."""


class Rated(Told, frozen=True, kw_only=True, gc=False, tag="generation.rated"):
    """Somebody rated the video; the first rating of a generation counts."""

    rating: Rating


class QueueMeasured(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="generation.queue_measured"
):
    """How many generations wait now, of one provider."""

    length: Count
    provider: Text | None = None

    def cleaned(self, cleaner: Cleaner) -> QueueMeasured:
        """With a listed provider."""
        cleaned: QueueMeasured = _listed(self, cleaner)
        return cleaned

    def observe(self) -> list[Observation]:
        """The last report counts, while it is fresh."""
        labels = metrics.ByProvider(Provider(self.provider or "other"))
        return [metrics.QUEUE_LENGTH(labels, float(self.length))]
