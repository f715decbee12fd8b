"""What one upload measured, whether it was followed or only reported; and how that is counted."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from exporter.event import Field, Network, Region
from exporter.events.upload import metrics
from exporter.events.upload.classes import (
    UNDER_30_MB,
    FirstTry,
    Resolution,
    SizeClass,
    Source,
)
from exporter.metric import Observation


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

    def fields(self) -> list[tuple[str, Field]]:
        """The numbers that are known, as fields of a point."""
        fields: list[tuple[str, Field]] = []
        if self.duration is not None:
            fields.append(("duration_seconds", self.duration))
        if self.ttfb is not None:
            fields.append(("ttfb_seconds", self.ttfb))
        if self.throughput is not None:
            fields.append(("throughput_bytes_per_second", self.throughput))
        if self.utilisation is not None:
            fields.append(("utilisation_ratio", self.utilisation))
        if self.chunks:
            fields.append(("chunks", float(self.chunks)))
            fields.append(("first_try_chunks", float(self.first_try)))
        return fields


NOT_MEASURED: Final = Measured()


class Kind(NamedTuple):
    """The segments by which the numbers of an upload are told apart."""

    source: Source
    network: Network
    region: Region
    size_class: SizeClass
    resolution: Resolution


class _Labels:
    """The label sets of one kind: made once, because the same few hundred kinds come again."""

    __slots__ = ("again", "first_try", "in_region", "of_resolution", "of_size", "on", "under_30_mb")

    def __init__(self, kind: Kind) -> None:
        source, network = kind.source, kind.network
        self.of_size = metrics.BySize(source, kind.size_class)
        self.on = metrics.ByNetwork(source, network)
        self.in_region = metrics.InRegion(kind.region)
        self.first_try = metrics.ChunkLabels(source, network, FirstTry.YES)
        self.again = metrics.ChunkLabels(source, network, FirstTry.NO)
        self.under_30_mb = kind.size_class in UNDER_30_MB
        followed = source is Source.LIFECYCLE
        self.of_resolution = metrics.ByResolution(kind.resolution) if followed else None


_labels = lru_cache(4096)(_Labels)


def observations(measured: Measured, kind: Kind) -> list[Observation]:
    """The numbers of one upload, under the segments that each KPI has."""
    labels = _labels(kind)
    duration, ttfb, _, utilisation, chunks, first_try = measured
    found: list[Observation] = []
    if duration is not None:
        found.append(metrics.DURATION(labels.of_size, duration))
        if labels.under_30_mb:
            found.append(metrics.DURATION_BY_NETWORK(labels.on, duration))
            if labels.of_resolution is not None:
                found.append(metrics.DURATION_BY_RESOLUTION(labels.of_resolution, duration))
    if ttfb is not None:
        found.append(metrics.TTFB(labels.on, ttfb))
    if utilisation is not None:
        found.append(metrics.UTILISATION(metrics.OnNetwork(kind.network), utilisation))
        found.append(metrics.UTILISATION_BY_REGION(labels.in_region, utilisation))
    if first_try:
        found.append(metrics.CHUNKS(labels.first_try, float(first_try)))
    if chunks > first_try:
        found.append(metrics.CHUNKS(labels.again, float(chunks - first_try)))
    return found
