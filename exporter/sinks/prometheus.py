"""Observations on ``/metrics``: our numbers, prometheus_client's exposition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

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

from exporter.metric import AnyMetric, Counter, Gauge, Histogram, Level
from exporter.store import Store

Values = Callable[[], Iterable[tuple[tuple[str, ...], float]]]
"""Reads a gauge: label values and value, for each series."""

SLICE: Final = 100
"""Lines written before others get their turn: about a millisecond."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


Series = tuple[tuple[tuple[str, ...], tuple[float, ...]], ...]
"""The label values and the numbers of each series of a family."""


class _Family(NamedTuple):
    """A family as it is at one moment."""

    metric: AnyMetric
    series: Series


class _Text(NamedTuple):
    """A family as text, and what it was when it was written."""

    series: Series
    text: bytes


class _Families:
    """What ``generate_latest`` needs of a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class Exposition:
    """Renders all metrics. One render at a time; who comes meanwhile gets the same text.

    Writing numbers as text is most of what a scrape costs, and between two scrapes most families
    do not change: their text is kept.
    """

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
        self._texts: dict[AnyMetric, _Text] = {}
        self._running: asyncio.Task[bytes] | None = None

    def families(self) -> Iterator[Metric]:
        """Every family as it is now; the numbers of one family belong together."""
        yield from map(_metric, self._snapshot())
        yield from self._process.collect()

    async def render(self) -> bytes:
        """The text format 0.0.4."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._render())
        return await asyncio.shield(self._running)

    async def _render(self) -> bytes:
        # The snapshot is taken at once; only turning it into text is worth sharing the loop for.
        parts, size = [], 0
        for family in tuple(self._snapshot()):
            kept = self._texts.get(family.metric)
            if kept is None or kept.series != family.series:
                kept = _Text(family.series, generate_latest(_Families((_metric(family),))))
                self._texts[family.metric] = kept
                size += len(family.series) * (_width(family.metric))
                if size > SLICE:
                    size = 0
                    await asyncio.sleep(0)
            parts.append(kept.text)
        parts.append(generate_latest(_Families(self._process.collect())))
        return b"".join(parts)

    def _snapshot(self) -> Iterator[_Family]:
        for store in self._stores:
            for metric in store.metrics:
                if isinstance(metric, Level):
                    yield _Family(metric, _single(store.current(metric, self._now())))
                else:
                    cells = store.cells(metric).items()
                    yield _Family(metric, tuple([(labels, tuple(cell)) for labels, cell in cells]))
        for gauge, values in self._gauges.items():
            yield _Family(gauge, _single(values()))


def _single(values: Iterable[tuple[tuple[str, ...], float]]) -> Series:
    return tuple([(labels, (value,)) for labels, value in values])


def _width(metric: AnyMetric) -> int:
    """How many lines one series of a family takes."""
    return len(metric.buckets) + 3 if isinstance(metric, Histogram) else 1


def _metric(family: _Family) -> Metric:
    metric, series = family
    if isinstance(metric, Histogram):
        return _histogram(metric, series)
    kind = CounterMetricFamily if isinstance(metric, Counter) else GaugeMetricFamily
    found = kind(metric.name, metric.help, labels=metric.label_names)
    for labels, cell in series:
        found.add_metric(labels, cell[0])
    return found


def _histogram(metric: Histogram[Any], series: Series) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.label_names)
    bounds = [
        floatToGoString(bound)  # type: ignore[no-untyped-call]
        for bound in (*metric.buckets, float("inf"))
    ]
    for labels, cell in series:
        family.add_metric(labels, _buckets(bounds, cell), cell[-1])
    return family


def _buckets(bounds: Sequence[str], cell: Sequence[float]) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound, count in zip(bounds, cell, strict=False):
        total += count
        buckets.append((bound, total))
    return buckets
