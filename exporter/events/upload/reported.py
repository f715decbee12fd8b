"""Reports of browser trackers that need not name an upload: performance, resources, the rest."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from exporter.event import (
    NOBODY,
    Bytes,
    Client,
    Event,
    Name,
    Network,
    Point,
)
from exporter.events.upload import metrics
from exporter.events.upload.classes import Resolution, Result, SizeClass, Source
from exporter.events.upload.measured import NOT_MEASURED, Kind, Measured, observations
from exporter.metric import Observation


class Report(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A report of a page, already in classes."""

    client: Client = NOBODY
    clamped: int = 0
    """How many of its times were absurd and were not used."""

    def observe(self) -> list[Observation]:
        """Absurd times, if any."""
        return [metrics.CLAMPED((), float(self.clamped))] if self.clamped else []


class PerformanceReported(
    Report, frozen=True, kw_only=True, gc=False, tag="upload.performance_reported"
):
    """How one upload went, as its page measured it.

    Without ``upload_id`` it cannot be told which upload: its success is a report, not an end.
    """

    upload_id: Name | None = None
    network: Network = Network.OTHER
    file_size_bytes: Bytes | None = None
    measured: Measured = NOT_MEASURED
    success: bool | None = None

    def observe(self) -> list[Observation]:
        """The numbers of an upload that nobody follows; a followed one is counted at its end."""
        observed = Report.observe(self)
        if self.upload_id is None:
            kind, size_class = self._segments()
            observed += observations(self.measured, kind)
            if self.success is not None:
                result = Result.OK if self.success else Result.FAILED
                client, network = self.client, self.network
                by_device = metrics.ReportedLabels(result, client.device, size_class)
                by_client = metrics.ReportedByClientLabels(result, client.browser, network)
                observed.append(metrics.REPORTS(by_device))
                observed.append(metrics.REPORTS_BY_CLIENT(by_client))
        return observed

    def _segments(self) -> tuple[Kind, SizeClass]:
        size_class = SizeClass.of(self.file_size_bytes)
        region = self.client.region
        return Kind(Source.REPORT, self.network, region, size_class, Resolution.OTHER), size_class

    def points(self) -> tuple[Point, ...]:
        """One point for each report that names no upload."""
        if self.upload_id is not None:
            return ()
        fields = self.measured.fields()
        size = self.file_size_bytes
        if size is not None:
            fields.append(("file_size_bytes", size))
        if not fields:
            return ()
        tags = _tags(self.success, self.client, self.network, SizeClass.of(size))
        return (Point("upload_report", tags, tuple(fields)),)


@lru_cache(4096)
def _tags(
    success: bool | None, client: Client, network: Network, size_class: SizeClass
) -> tuple[tuple[str, str], ...]:
    result = "unknown" if success is None else "ok" if success else "failed"
    return (
        ("browser", client.browser),
        ("country", client.country),
        ("device", client.device),
        ("network", network),
        ("os", client.system),
        ("region", client.region),
        ("result", result),
        ("size_class", size_class),
    )


class ResourcesReported(
    Report, frozen=True, kw_only=True, gc=False, tag="upload.resources_reported"
):
    """What an upload cost the client: increases over the first reading, never below 0."""

    cpu_increase: float | None = None
    memory_increase_bytes: float | None = None

    def observe(self) -> list[Observation]:
        """CPU share and heap."""
        observed = Report.observe(self)
        on_device = metrics.OnDevice(self.client.device)
        if self.cpu_increase is not None:
            observed.append(metrics.CPU(on_device, self.cpu_increase))
        if self.memory_increase_bytes is not None:
            observed.append(metrics.MEMORY(on_device, self.memory_increase_bytes))
        return observed


class GenericHappened(Event, frozen=True, kw_only=True, gc=False, tag="upload.generic_happened"):
    """An analytics event of a type that no domain knows.

    ``kind`` is its type where that is a name; ``numbers`` its top-level numbers and flags.
    Text is not kept: nobody can tell what is in it.
    """

    kind: str
    numbers: dict[str, float] = msgspec.field(default_factory=dict)

    def observe(self) -> list[Observation]:
        """Counted, not interpreted."""
        return [metrics.GENERIC()]

    def points(self) -> tuple[Point, ...]:
        """Kept; its type is a field, because it is not a closed set."""
        numbers = tuple((name, float(value)) for name, value in self.numbers.items())
        return (Point("generic_event", (), (("type", self.kind), *numbers), open_fields=True),)
