"""Observations on ``/metrics``: our numbers, prometheus_client's exposition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry
from prometheus_client.utils import floatToGoString

from exporter.metric import Counter, Gauge, Histogram, Level
from exporter.store import Cell, Store

Values = Callable[[], Iterable[tuple[tuple[str, ...], float]]]
"""Reads a gauge: label values and value, for each series."""

SLICE: Final = 100
"""Series rendered before others get their turn: about a millisecond."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Families:
    """What ``generate_latest`` needs of a registry."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


class Exposition:
    """Renders all metrics. One render at a time; who comes meanwhile gets the same text."""

    def __init__(
        self,
        stores: Sequence[Store],
        gauges: Mapping[Gauge[Any], Values],
        now: Callable[[], float],
    ) -> None:
        self._stores = stores
        self._gauges = gauges
        self._now = now
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._running: asyncio.Task[bytes] | None = None

    def families(self) -> Iterator[Metric]:
        """Every family as it is now; the numbers of one family belong together."""
        for store in self._stores:
            for metric in store.metrics:
                if isinstance(metric, Counter):
                    yield _counter(metric, store)
                elif isinstance(metric, Histogram):
                    yield _histogram(metric, store)
                elif isinstance(metric, Level):
                    yield _gauge(metric, store.current(metric, self._now()))
        for gauge, values in self._gauges.items():
            yield _gauge(gauge, values())
        yield from self._process.collect()

    async def render(self) -> bytes:
        """The text format 0.0.4."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._render())
        return await asyncio.shield(self._running)

    async def _render(self) -> bytes:
        # The snapshot is taken at once; only turning it into text is worth sharing the loop for.
        families = list(self.families())
        parts = []
        for some in _slices(families):
            parts.append(generate_latest(_Families(some)))
            await asyncio.sleep(0)
        return b"".join(parts)


def _slices(families: Sequence[Metric]) -> Iterator[list[Metric]]:
    """Runs of families with about ``SLICE`` series; a large family is a run of its own."""
    run, size = list[Metric](), 0
    for family in families:
        if run and size + len(family.samples) > SLICE:
            yield run
            run, size = [], 0
        run.append(family)
        size += len(family.samples)
    yield run


def _counter(metric: Counter[Any], store: Store) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.label_names)
    for labels, cell in store.cells(metric).items():
        family.add_metric(labels, cell[0])
    return family


def _gauge(
    metric: Gauge[Any] | Level[Any], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram(metric: Histogram[Any], store: Store) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.label_names)
    bounds = [
        floatToGoString(bound)  # type: ignore[no-untyped-call]
        for bound in (*metric.buckets, float("inf"))
    ]
    for labels, cell in store.cells(metric).items():
        family.add_metric(labels, _buckets(bounds, cell), cell[-1])
    return family


def _buckets(bounds: Sequence[str], cell: Cell) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound, count in zip(bounds, cell, strict=False):
        total += count
        buckets.append((bound, total))
    return buckets
