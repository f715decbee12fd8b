"""For a browser, a mail or a wiki: one file, nothing to load, prints well."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from exporter.reports.plot import HEIGHT, WIDTH, draw
from exporter.reports.quantity import Quantity
from exporter.reports.report import Cell, Mark, Report, moment, words


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("exporter.reports.formats", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def render(report: Report) -> bytes:
    """The page."""
    page = _template().render(
        report=report,
        moment=moment,
        words=words,
        style=_style,
        draw=lambda plot: draw(plot, report.end.tzinfo),
        width=WIDTH,
        height=HEIGHT,
    )
    return page.encode()


def _style(cell: Cell) -> str:
    """The class of a cell."""
    if isinstance(cell, Quantity):
        return "number"
    return cell.tone.value if isinstance(cell, Mark) else ""
