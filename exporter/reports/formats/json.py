"""For programs; docs/reports.md documents the shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from exporter.reports.quantity import Quantity
from exporter.reports.report import Cell, Mark, Plot, Report, Section, Table

SHAPE: Final = 1
"""Goes up when something is removed or means something else; not when something is added."""


def render(report: Report) -> bytes:
    """The report, indented, with a line feed at its end."""
    return msgspec.json.format(msgspec.json.encode(shape(report)), indent=2) + b"\n"


def shape(report: Report) -> dict[str, Any]:
    """The report in dictionaries and lists."""
    return {
        "shape": SHAPE,
        "report": report.name,
        "title": report.title,
        "begin": report.begin.isoformat(),
        "end": report.end.isoformat(),
        "headline": report.headline,
        "sections": [_section(section) for section in report.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    table = section.table or Table((), ())
    return {
        "id": section.id,
        "title": section.title,
        "says": section.says,
        "columns": [
            {
                "id": column.id,
                "title": column.title,
                "unit": _unit([row[place] for row in table.rows]),
            }
            for place, column in enumerate(table.columns)
        ],
        "rows": [
            {column.id: raw(cell) for column, cell in zip(table.columns, row, strict=True)}
            for row in table.rows
        ],
        "plots": [_plot(plot) for plot in section.plots],
    }


def _unit(cells: Sequence[Cell]) -> str | None:
    """The unit of a column, where all its numbers have the same."""
    units = {cell.unit.value for cell in cells if isinstance(cell, Quantity)}
    return units.pop() if len(units) == 1 else None


def _plot(plot: Plot) -> dict[str, Any]:
    return {
        "title": plot.title,
        "unit": plot.unit.value,
        "target": plot.target,
        "points": plot.points,
    }


def raw(cell: Cell) -> str | float | None:
    """A cell as programs read it: numbers in base units, times in ISO 8601."""
    if isinstance(cell, Quantity):
        return cell.value
    if isinstance(cell, datetime):
        return cell.isoformat()
    return cell.text if isinstance(cell, Mark) else cell
