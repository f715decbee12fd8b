"""A plot as lines and words in a box, for whoever can draw those: no library, no pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Literal, NamedTuple

from exporter.reports.quantity import Quantity
from exporter.reports.report import Plot

WIDTH: Final = 300.0
HEIGHT: Final = 110.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 8.0, 8.0, 18.0
TWO_DAYS: Final = 2 * 86_400
GAP: Final = 2.5
"""A line is interrupted where this many times the usual distance lies between two points."""


Anchor = Literal["start", "middle", "end"]


class Line(NamedTuple):
    """Points that belong together; ``kind`` is value, target or grid."""

    kind: str
    points: tuple[tuple[float, float], ...]


class Word(NamedTuple):
    """A text; ``anchor`` is start, middle or end."""

    text: str
    x: float
    y: float
    anchor: Anchor


class Dot(NamedTuple):
    """A point that stands alone, or the newest one."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn in a box of :data:`WIDTH` by :data:`HEIGHT`; y grows downwards."""

    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    words: tuple[Word, ...]


def draw(plot: Plot, zone: tzinfo | None) -> Drawing:
    """The drawing of a plot that has at least one point."""
    box = _Box.of(plot)
    lines = [
        Line("grid", ((LEFT, y), (WIDTH - RIGHT, y))) for y in (box.y(box.low), box.y(box.high))
    ]
    if plot.target is not None:
        y = box.y(plot.target)
        lines.append(Line("target", ((LEFT, y), (WIDTH - RIGHT, y))))
    dots = [box.at(plot.points[-1])]
    for run in _runs(plot):
        if len(run) > 1:
            lines.append(Line("value", tuple(box.at(point) for point in run)))
        elif run[0] != plot.points[-1]:
            dots.append(box.at(run[0]))
    return Drawing(tuple(lines), tuple(dots), tuple(_words(plot, box, zone)))


@dataclass(frozen=True, slots=True)
class _Box:
    """From times and values to places."""

    begin: float
    end: float
    low: float
    high: float

    @classmethod
    def of(cls, plot: Plot) -> _Box:
        values = [value for _, value in plot.points]
        if plot.target is not None:
            values.append(plot.target)
        low, high = min(values), max(values)
        if low == high:
            low, high = low - (abs(low) or 1) * 0.05, high + (abs(high) or 1) * 0.05
        return cls(plot.points[0][0], plot.points[-1][0], low, high)

    def x(self, at: float) -> float:
        wide = WIDTH - LEFT - RIGHT
        if self.end == self.begin:
            return LEFT + wide / 2
        return round(LEFT + wide * (at - self.begin) / (self.end - self.begin), 1)

    def y(self, value: float) -> float:
        high = HEIGHT - TOP - BOTTOM
        return round(TOP + high * (self.high - value) / (self.high - self.low), 1)

    def at(self, point: tuple[float, float]) -> Dot:
        return Dot(self.x(point[0]), self.y(point[1]))


def _runs(plot: Plot) -> Iterator[list[tuple[float, float]]]:
    """Points without a gap between them: what nobody measured is not drawn."""
    steps = sorted(b[0] - a[0] for a, b in zip(plot.points, plot.points[1:], strict=False))
    usual = steps[len(steps) // 2] if steps else 0.0
    run = [plot.points[0]]
    for point in plot.points[1:]:
        if point[0] - run[-1][0] > GAP * usual:
            yield run
            run = []
        run.append(point)
    yield run


def _words(plot: Plot, box: _Box, zone: tzinfo | None) -> Iterator[Word]:
    for value in (box.low, box.high):
        yield Word(str(Quantity(value, plot.unit)), LEFT - 4, box.y(value) + 3, "end")
    short = box.end - box.begin < TWO_DAYS
    ticks: list[tuple[float, Anchor]] = [(box.begin, "start"), (box.end, "end")]
    if short:
        ticks.append(((box.begin + box.end) / 2, "middle"))
    if box.begin == box.end:
        ticks = [(box.end, "middle")]
    for at, anchor in ticks:
        moment = datetime.fromtimestamp(at, zone)
        text = f"{moment:%a %H:%M}" if short else f"{moment:%a} {moment.day} {moment:%b}"
        yield Word(text, box.x(at), HEIGHT - 5, anchor)
