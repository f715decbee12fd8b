"""How fast: times, rates and what they cost, over seven days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.reports import sections as parts
from exporter.reports.facts import Facts, Kpi
from exporter.reports.report import Section

WORDS: Final = {
    "seconds", "bps", "bytes", "utilisation", "used", "cache", "queue", "increase", "rebuffer",
    "efficiency", "cost",
    "lcp", "inp", "fcp", "ttfb",
}  # fmt: skip


def about(kpi: Kpi) -> bool:
    """Whether a KPI is about speed."""
    return not WORDS.isdisjoint(kpi.id.split("_")) and "mttr" not in kpi.id


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield from parts.kpis(facts, about)
    yield parts.course(facts, about)
    yield parts.worst_segments(facts, about)
    yield from parts.detail(facts, "countries", "Uploads by country")
