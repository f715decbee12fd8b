"""How a report becomes bytes: one file each, every one a function from a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exporter.reports.formats import csv, html, json, text
from exporter.reports.report import Report


def _pdf(report: Report) -> bytes:
    # Its library is large, and most processes never print anything.
    from exporter.reports.formats import pdf  # noqa: PLC0415

    return pdf.render(report)


FORMATS: Final[Mapping[str, Callable[[Report], bytes]]] = {
    "text": text.render,
    "json": json.render,
    "csv": csv.render,
    "html": html.render,
    "pdf": _pdf,
}
