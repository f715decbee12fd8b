"""Reports of browser trackers that need not name an upload: performance, resources, the rest."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from exporter.event import (
    UNKNOWN_COUNTRY,
    Browser,
    Bytes,
    Client,
    Device,
    Event,
    Field,
    Name,
    Network,
    Point,
    Region,
    System,
)
from exporter.events.upload import metrics
from exporter.events.upload.classes import Result, SizeClass, Source
from exporter.events.upload.measured import NOT_MEASURED, Kind, Measured, observations
from exporter.metric import Observation


class Report(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A report of a page, already in classes."""

    device: Device = Device.OTHER
    browser: Browser = Browser.OTHER
    system: System = System.OTHER
    region: Region = Region.OTHER
    country: str = UNKNOWN_COUNTRY
    clamped: int = 0
    """How many of its times were absurd and were not used."""

    @property
    def client(self) -> Client:
        """The classes of the client."""
        return Client(self.device, self.browser, self.system, self.region, self.country)

    def observe(self) -> Iterable[Observation]:
        """Absurd times, if any."""
        if self.clamped:
            yield metrics.CLAMPED((), float(self.clamped))


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

    def observe(self) -> Iterable[Observation]:
        """The numbers of an upload that nobody follows; a followed one is counted at its end."""
        yield from super().observe()
        if self.upload_id is None:
            kind = Kind(Source.REPORT, self.client, self.network, self.file_size_bytes)
            yield from observations(self.measured, kind)
            if self.success is not None:
                yield from self._result(Result.OK if self.success else Result.FAILED)

    def _result(self, result: Result) -> Iterable[Observation]:
        size_class = SizeClass.of(self.file_size_bytes)
        yield metrics.REPORTS(metrics.ReportedLabels(result, self.device, size_class))
        yield metrics.REPORTS_BY_CLIENT(
            metrics.ReportedByClientLabels(result, self.browser, self.network)
        )

    def points(self) -> Iterable[Point]:
        """One point for each report that names no upload."""
        if self.upload_id is not None:
            return
        fields: tuple[tuple[str, Field], ...] = self.measured.fields()
        if self.file_size_bytes is not None:
            fields = (*fields, ("file_size_bytes", self.file_size_bytes))
        if not fields:
            return
        result = "unknown" if self.success is None else "ok" if self.success else "failed"
        tags = (
            ("result", result),
            ("device", self.device),
            ("browser", self.browser),
            ("os", self.system),
            ("network", self.network),
            ("size_class", SizeClass.of(self.file_size_bytes)),
            ("region", self.region),
            ("country", self.country),
        )
        yield Point("upload_report", tags, fields)


class ResourcesReported(
    Report, frozen=True, kw_only=True, gc=False, tag="upload.resources_reported"
):
    """What an upload cost the client: increases over the first reading, never below 0."""

    cpu_increase: float | None = None
    memory_increase_bytes: float | None = None

    def observe(self) -> Iterable[Observation]:
        """CPU share and heap."""
        yield from super().observe()
        on_device = metrics.OnDevice(self.device)
        if self.cpu_increase is not None:
            yield metrics.CPU(on_device, self.cpu_increase)
        if self.memory_increase_bytes is not None:
            yield metrics.MEMORY(on_device, self.memory_increase_bytes)


class GenericHappened(Event, frozen=True, kw_only=True, gc=False, tag="upload.generic_happened"):
    """An analytics event of a type that no domain knows.

    ``kind`` is its type where that is a name; ``numbers`` its top-level numbers and flags.
    Text is not kept: nobody can tell what is in it.
    """

    kind: str
    numbers: dict[str, float] = msgspec.field(default_factory=dict)

    def observe(self) -> Iterable[Observation]:
        """Counted, not interpreted."""
        yield metrics.GENERIC()

    def points(self) -> Iterable[Point]:
        """Kept; its type is a field, because it is not a closed set."""
        numbers = tuple((name, float(value)) for name, value in self.numbers.items())
        yield Point("generic_event", (), (("type", self.kind), *numbers))
