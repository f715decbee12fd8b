"""What is said about the services: whether they are up, what they use, what their caches answer.

A service that the settings do not list is ``other``: its checks count, but whether it is up or
down is not told, because several of them share that name.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from exporter.event import Cleaner, Count, Event, Text
from exporter.events.platform import metrics
from exporter.events.platform.classes import CheckSource, Lookup, Result
from exporter.metric import Cache, Observation, Service

Ratio = Annotated[float, Meta(ge=0, le=1)]
"""A share of one. A percentage is refused: nobody can tell 0.9 from 0.9 %."""

LONGEST_CHECK: Final = 3600.0
"""Seconds; a check beyond an hour is a unit or a clock that is wrong."""

UNLISTED: Final = "other"


class Measured(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="resources.measured"
):
    """What a host or service uses of what it has, now."""

    service: Text
    memory_used_ratio: Ratio | None = None
    cpu_used_ratio: Ratio | None = None
    disk_used_ratio: Ratio | None = None
    queue_length: Count | None = None

    def cleaned(self, cleaner: Cleaner) -> Measured:
        """With a listed service."""
        # The journal's encoder knows str, not its subclasses.
        return msgspec.structs.replace(self, service=str(cleaner.listed(Service, self.service)))

    def observe(self) -> list[Observation]:
        """The last report counts, while it is fresh."""
        labels = metrics.OfService(Service(self.service))
        return [
            level(labels, float(value))
            for level, value in (
                (metrics.MEMORY, self.memory_used_ratio),
                (metrics.CPU, self.cpu_used_ratio),
                (metrics.DISK, self.disk_used_ratio),
                (metrics.QUEUE_LENGTH, self.queue_length),
            )
            if value is not None
        ]


class LookedUp(Event, frozen=True, kw_only=True, gc=False, tag="cache.looked_up"):
    """So many look-ups in a cache since the last such event, not since the start."""

    cache: Text
    hits: Count = 0
    misses: Count = 0

    def cleaned(self, cleaner: Cleaner) -> LookedUp:
        """With a listed cache."""
        return msgspec.structs.replace(self, cache=str(cleaner.listed(Cache, self.cache)))

    def observe(self) -> list[Observation]:
        """Hits and misses."""
        cache = Cache(self.cache)
        return [
            metrics.CACHE_LOOKUPS(metrics.LookupLabels(cache, lookup), float(count))
            for lookup, count in ((Lookup.HIT, self.hits), (Lookup.MISS, self.misses))
        ]


class Checked(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="service.checked"
):
    """Somebody looked whether a service is healthy.

    ``duration_seconds`` stands beside a result that must be counted whatever it is, so an absurd
    one costs itself and not the event.
    """

    service: Text
    ok: bool
    duration_seconds: float | None = None
    source: CheckSource = CheckSource.REPORT

    def cleaned(self, cleaner: Cleaner) -> Checked:
        """With a listed service."""
        return msgspec.structs.replace(self, service=str(cleaner.listed(Service, self.service)))

    def observe(self) -> list[Observation]:
        """One check, how long it took, and that the service is up or down."""
        service = Service(self.service)
        labels = metrics.CheckLabels(service, self.source, Result.of(self.ok))
        of_service = metrics.OfService(service)
        observed = [metrics.CHECKS(labels)]
        if service != UNLISTED:
            observed.append(metrics.UP(of_service, float(self.ok)))
        seconds = self.duration_seconds
        if seconds is not None and 0 <= seconds <= LONGEST_CHECK:
            observed.append(metrics.CHECK_DURATION(of_service, seconds))
        elif seconds is not None:
            observed.append(metrics.CLAMPED())
        return observed
