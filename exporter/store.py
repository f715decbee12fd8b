"""Where observations add up: plain numbers, one cell for each allowed set of labels.

Every cell exists from the start, so a counter is seen at 0 before it is seen at 1, and a label
set that the catalogue does not allow is an error of the program, never a new series.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from exporter.metric import AnyMetric, Counter, Gauge, Histogram, Members, Observation

Cell = list[float]
"""A counter is ``[value]``. A histogram is its buckets, not cumulative, +Inf last, then the sum."""

Cells = dict[tuple[str, ...], Cell]


class Store:
    """The numbers of a set of metrics; ``changed`` names those that changed since last asked."""

    def __init__(self, metrics: Iterable[AnyMetric], members: Members) -> None:
        self._cells: dict[str, Cells] = {}
        self._changed: set[str] = set()
        self.metrics = tuple(metric for metric in metrics if not isinstance(metric, Gauge))
        for metric in self.metrics:
            width = len(metric.buckets) + 2 if isinstance(metric, Histogram) else 1
            self._cells[metric.name] = {
                labels: [0.0] * width for labels in metric.label_sets(members)
            }

    def add(self, observation: Observation) -> None:
        """Count one observation; KeyError for labels that are not in the catalogue."""
        metric, labels, value, _ = observation
        cell = self._cells[metric.name][labels]
        if isinstance(metric, Counter):
            cell[0] += value
        else:
            cell[bisect_left(metric.buckets, value)] += 1.0
            cell[-1] += value
        self._changed.add(metric.name)

    def cells(self, metric: AnyMetric) -> Cells:
        """The live cells of a metric."""
        return self._cells[metric.name]

    def value(self, metric: AnyMetric, labels: tuple[str, ...] = ()) -> float:
        """The value of a counter, for tests and for arithmetic at the edges."""
        return self._cells[metric.name][labels][0]

    def changed(self) -> dict[str, bytes]:
        """The metrics that changed since the last call, encoded for the checkpoint."""
        encoded = {name: _encode(self._cells[name]) for name in sorted(self._changed)}
        self._changed.clear()
        return encoded

    def restore(self, saved: Mapping[str, bytes]) -> list[str]:
        """Take over saved numbers; returns the metrics and label sets that no longer exist."""
        gone: list[str] = []
        for name, body in saved.items():
            cells = self._cells.get(name)
            if cells is None:
                gone.append(name)
                continue
            for labels, cell in _decode(body):
                if len(cells.get(labels, ())) == len(cell):
                    cells[labels] = cell
                else:
                    gone.append(f"{name}{list(labels)}")
        return gone


def _encode(cells: Cells) -> bytes:
    return msgspec.msgpack.encode([item for item in cells.items() if any(item[1])])


def _decode(body: bytes) -> Any:
    return msgspec.msgpack.decode(body, type=list[tuple[tuple[str, ...], list[float]]])
