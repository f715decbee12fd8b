"""Whether it was there for thirty days: availability, error budgets, incidents and their time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.reports import sections as parts
from exporter.reports.facts import Facts, Kpi
from exporter.reports.report import Section

WORDS: Final = {"available", "availability", "success", "mttr"}


def about(kpi: Kpi) -> bool:
    """Whether a KPI is about being there."""
    return not WORDS.isdisjoint(kpi.id.split("_"))


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield parts.budgets(facts)
    yield from parts.kpis(facts, about)
    yield parts.course(facts, about)
    yield parts.incidents(facts)
    yield parts.instances(facts)
