"""For spreadsheets: each table with a line of column names, an empty line between two."""

from __future__ import annotations

import csv
import io

from exporter.reports.formats.json import raw
from exporter.reports.report import Report


def render(report: Report) -> bytes:
    """The tables, each line with the name of its section in front; the sentences come first."""
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(("section", "says"))
    out.writerow(("period", f"{report.begin.isoformat()}/{report.end.isoformat()}"))
    out.writerows(("headline", said) for said in report.headline)
    for section in report.sections:
        out.writerows((section.id, said) for said in section.says)
    for section in report.sections:
        if section.table:
            out.writerow(())
            out.writerow(("section", *(column.id for column in section.table.columns)))
            out.writerows((section.id, *map(raw, row)) for row in section.table.rows)
    return text.getvalue().encode()
