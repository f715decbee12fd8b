"""What people experienced over seven days: waiting, giving up, coming to the end, rating."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.reports import sections as parts
from exporter.reports.facts import Facts, Kpi
from exporter.reports.report import Section

WORDS: Final = {
    "abandonment", "satisfaction", "good", "completion", "engagement", "bounce", "session", "exit",
    "retention", "conversion", "install", "preview", "startup", "rebuffer", "quality", "start",
}  # fmt: skip


def about(kpi: Kpi) -> bool:
    """Whether a KPI is about what people experience."""
    return not WORDS.isdisjoint(kpi.id.split("_"))


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield from parts.kpis(facts, about)
    yield parts.day_by_day(facts, about)
    yield parts.devices(facts)
    yield from parts.detail(facts, "videos", "Popular videos")
    yield parts.worst_segments(facts, about)
