"""For a terminal: aligned columns, a sparkline where others have a plot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.reports.quantity import Quantity
from exporter.reports.report import Cell, Plot, Report, Section, Table, moment, words

BARS: Final = "▁▂▃▄▅▆▇█"
WIDEST_SPARKLINE: Final = 48


def render(report: Report) -> bytes:
    """The report as lines."""
    return ("\n".join(_lines(report)) + "\n").encode()


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.title}, {moment(report.begin)} to {moment(report.end)} {report.end:%Z}"
    yield from report.headline
    for section in report.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield ""
    yield section.title
    yield "─" * len(section.title)
    yield from section.says
    if section.table and section.table.titles:
        yield from _table(section.table)
    # What the table says day by day need not be said again.
    if not section.table:
        yield from _sparklines(section.plots)


def _table(table: Table) -> Iterator[str]:
    rows = [table.titles, *(tuple(map(words, row)) for row in table.printed())]
    right = [any(map(_is_number, column)) for column in zip(*table.printed(), strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, right, strict=True)
        ).rstrip()


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Quantity)


def _sparklines(plots: tuple[Plot, ...]) -> Iterator[str]:
    widest = max((len(plot.title) for plot in plots), default=0)
    for plot in plots:
        values = [value for _, value in plot.points]
        low, high = (str(Quantity(end(values), plot.unit)) for end in (min, max))
        target = "" if plot.target is None else f", target {Quantity(plot.target, plot.unit)}"
        yield f"{plot.title.ljust(widest)}  {_sparkline(values)}  {low} to {high}{target}"


def _sparkline(values: list[float]) -> str:
    size = -(-len(values) // WIDEST_SPARKLINE)
    groups = [values[place : place + size] for place in range(0, len(values), size)]
    means = [sum(group) / len(group) for group in groups]
    low, high = min(means), max(means)
    spread = (high - low) or 1.0
    return "".join(BARS[round((mean - low) / spread * (len(BARS) - 1))] for mean in means)
