"""Where observations add up: plain numbers, one cell for each allowed set of labels.

Every cell exists from the start, so a counter is seen at 0 before it is seen at 1, and a label
set that the catalogue does not allow is an error of the program, never a new series.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from exporter.metric import AnyMetric, Gauge, Histogram, Level, Members, Observation

Cell = list[float]
"""A counter is ``[value]``; a level ``[value, when]``, never reported when that is 0.

A histogram is its buckets, not cumulative, +Inf last, then the sum.
"""

Cells = dict[tuple[str, ...], Cell]


class _Table(NamedTuple):
    """The cells of one metric; ``bounds`` is None for a counter and empty for a level."""

    cells: Cells
    bounds: tuple[float, ...] | None


class Store:
    """The numbers of a set of metrics; ``changed`` gives those that changed since last asked."""

    def __init__(self, metrics: Iterable[AnyMetric], members: Members) -> None:
        self._tables: dict[AnyMetric, _Table] = {}
        self._changed: set[AnyMetric] = set()
        self._always: set[AnyMetric] = set()
        for metric in metrics:
            if not isinstance(metric, Gauge):
                bounds = _bounds(metric)
                width = 1 if bounds is None else len(bounds) + 2
                cells = {labels: [0.0] * width for labels in metric.label_sets(members)}
                self._tables[metric] = _Table(cells, bounds)

    @property
    def metrics(self) -> tuple[AnyMetric, ...]:
        """The metrics it counts."""
        return tuple(self._tables)

    def add(self, observations: Iterable[Observation], now: float = 0.0) -> None:
        """Count observations, made at ``now``; KeyError for labels not in the catalogue."""
        tables, changed = self._tables, self._changed
        for metric, labels, value, _ in observations:
            cells, bounds = tables[metric]
            cell = cells[labels]
            if bounds is None:
                cell[0] += value
            elif bounds:
                cell[bisect_left(bounds, value)] += 1.0
                cell[-1] += value
            else:
                cell[:] = value, now
            changed.add(metric)

    def count(self, metric: AnyMetric, labels: tuple[str, ...], value: float = 1.0) -> None:
        """Count one number."""
        self.add(((metric, labels, value, None),))

    def cell(self, metric: AnyMetric, labels: tuple[str, ...] = ()) -> Cell:
        """A cell to count in directly; its metric is part of every checkpoint from now on."""
        self._always.add(metric)
        return self._tables[metric].cells[labels]

    def cells(self, metric: AnyMetric) -> Cells:
        """The live cells of a metric."""
        return self._tables[metric].cells

    def current(self, metric: Level[Any], now: float) -> Iterator[tuple[tuple[str, ...], float]]:
        """The series of a level that were reported lately."""
        for labels, (value, when) in self._tables[metric].cells.items():
            if when and now - when <= metric.lasts:
                yield labels, value

    def value(self, metric: AnyMetric, labels: tuple[str, ...] = ()) -> float:
        """The value of a counter."""
        return self._tables[metric].cells[labels][0]

    def changed(self) -> dict[str, bytes]:
        """The metrics that changed since the last call, encoded for the checkpoint."""
        changed = self._changed | self._always
        encoded = {metric.name: _encode(self._tables[metric]) for metric in changed}
        self._changed.clear()
        return encoded

    def restore(self, saved: Mapping[str, bytes]) -> list[str]:
        """Take over saved numbers; returns the metrics and label sets that no longer exist.

        A histogram with other limits is another metric: its numbers would mean something else.
        """
        tables = {metric.name: table for metric, table in self._tables.items()}
        gone: list[str] = []
        for name, body in saved.items():
            bounds, items = _decode(body)
            table = tables.get(name)
            if table is None or table.bounds != bounds:
                gone.append(name)
                continue
            for labels, cell in items:
                if labels in table.cells:
                    table.cells[labels][:] = cell
                else:
                    gone.append(f"{name}{list(labels)}")
        return gone


def _bounds(metric: AnyMetric) -> tuple[float, ...] | None:
    if isinstance(metric, Histogram):
        return metric.buckets
    return () if isinstance(metric, Level) else None


def _encode(table: _Table) -> bytes:
    cells = [item for item in table.cells.items() if any(item[1])]
    return msgspec.msgpack.encode((table.bounds, cells))


_Saved = tuple[tuple[float, ...] | None, list[tuple[tuple[str, ...], list[float]]]]


def _decode(body: bytes) -> _Saved:
    saved: _Saved = msgspec.msgpack.decode(body, type=_Saved)
    return saved
