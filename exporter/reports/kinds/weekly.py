"""The last seven days, against the seven before, and day by day."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.reports import sections as parts
from exporter.reports.facts import Facts
from exporter.reports.report import Section


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield from parts.kpis(facts)
    yield parts.course(facts, lambda kpi: False)
    yield parts.day_by_day(facts)
    yield parts.alerts(facts)
    yield parts.top_errors(facts)
    yield parts.devices(facts)
    yield from parts.detail(facts, "videos", "Popular videos")
    yield parts.worst_segments(facts)
