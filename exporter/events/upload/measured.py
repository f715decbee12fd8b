"""What one upload measured, whether it was followed or only reported; and how that is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from exporter.event import Client, Field, Network
from exporter.events.upload import metrics
from exporter.events.upload.classes import (
    UNDER_30_MB,
    FirstTry,
    Resolution,
    SizeClass,
    Source,
)
from exporter.metric import Observation

LONGEST: Final = 86_400.0
"""Seconds; a duration beyond a day is a clock that jumped, not an upload."""


class Measured(NamedTuple):
    """Numbers of one upload in base units; None where nobody knows.

    ``duration`` first byte to completion (s); ``ttfb`` start to first byte received (s);
    ``throughput`` bytes per second; ``utilisation`` throughput over the reported downlink;
    ``chunks`` that arrived, ``first_try`` those of them that needed one attempt.
    """

    duration: float | None = None
    ttfb: float | None = None
    throughput: float | None = None
    utilisation: float | None = None
    chunks: int = 0
    first_try: int = 0

    def over(self, other: Measured) -> Measured:
        """These numbers, and those of ``other`` where these have none."""
        chunks, first_try = (
            (self.chunks, self.first_try) if self.chunks else (other.chunks, other.first_try)
        )
        return Measured(
            other.duration if self.duration is None else self.duration,
            other.ttfb if self.ttfb is None else self.ttfb,
            other.throughput if self.throughput is None else self.throughput,
            other.utilisation if self.utilisation is None else self.utilisation,
            chunks,
            first_try,
        )

    def without(self, other: Measured) -> Measured:
        """These numbers, except those that ``other`` has already."""
        chunks, first_try = (0, 0) if other.chunks else (self.chunks, self.first_try)
        return Measured(
            self.duration if other.duration is None else None,
            self.ttfb if other.ttfb is None else None,
            self.throughput if other.throughput is None else None,
            self.utilisation if other.utilisation is None else None,
            chunks,
            first_try,
        )

    def fields(self) -> tuple[tuple[str, Field], ...]:
        """The numbers that are known, as fields of a point."""
        known: tuple[tuple[str, Field | None], ...] = (
            ("duration_seconds", self.duration),
            ("ttfb_seconds", self.ttfb),
            ("throughput_bytes_per_second", self.throughput),
            ("utilisation_ratio", self.utilisation),
            ("chunks", self.chunks or None),
            ("first_try_chunks", self.first_try if self.chunks else None),
        )
        return tuple((name, value) for name, value in known if value is not None)


NOT_MEASURED: Final = Measured()


class Kind(NamedTuple):
    """The segments by which the numbers of an upload are told apart."""

    source: Source
    client: Client
    network: Network
    size: int | None
    resolution: Resolution = Resolution.OTHER


def observations(measured: Measured, kind: Kind) -> Iterable[Observation]:
    """The numbers of one upload, under the segments that each KPI has."""
    on_network = metrics.ByNetwork(kind.source, kind.network)
    if measured.duration is not None:
        yield from _durations(measured.duration, kind, on_network)
    if measured.ttfb is not None:
        yield metrics.TTFB(on_network, measured.ttfb)
    if measured.utilisation is not None:
        yield metrics.UTILISATION(metrics.OnNetwork(kind.network), measured.utilisation)
        region = metrics.InRegion(kind.client.region)
        yield metrics.UTILISATION_BY_REGION(region, measured.utilisation)
    for first_try, count in (
        (FirstTry.YES, measured.first_try),
        (FirstTry.NO, measured.chunks - measured.first_try),
    ):
        if count:
            labels = metrics.ChunkLabels(kind.source, kind.network, first_try)
            yield metrics.CHUNKS(labels, float(count))


def _durations(duration: float, kind: Kind, on_network: metrics.ByNetwork) -> Iterable[Observation]:
    size_class = SizeClass.of(kind.size)
    yield metrics.DURATION(metrics.BySize(kind.source, size_class), duration)
    if size_class in UNDER_30_MB:
        yield metrics.DURATION_BY_NETWORK(on_network, duration)
        if kind.source is Source.LIFECYCLE:
            by_resolution = metrics.ByResolution(kind.resolution)
            yield metrics.DURATION_BY_RESOLUTION(by_resolution, duration)
