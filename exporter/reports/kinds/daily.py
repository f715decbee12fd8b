"""The last day: every KPI against its target, what fired, what failed, who was hit."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.reports import sections as parts
from exporter.reports.facts import Facts
from exporter.reports.report import Section


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield from parts.kpis(facts)
    yield parts.course(facts, lambda kpi: kpi.misses)
    yield parts.alerts(facts)
    yield parts.top_errors(facts)
    yield parts.devices(facts)
    yield parts.worst_segments(facts)
