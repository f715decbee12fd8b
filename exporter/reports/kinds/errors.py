"""What failed on the last day: types, the most frequent, the new ones, and how much it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.reports import sections as parts
from exporter.reports.facts import Facts, Kpi
from exporter.reports.quantity import Quantity, Unit
from exporter.reports.report import Section

WORDS: Final = {
    "error",
    "failure",
    "success",
    "recovery",
    "loss",
    "available",
    "availability",
    "try",
}
MOST_TYPES: Final = 100


def about(kpi: Kpi) -> bool:
    """Whether a KPI is about failing."""
    return not WORDS.isdisjoint(kpi.id.split("_"))


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    yield _new(facts)
    yield parts.top_errors(facts, MOST_TYPES)
    yield from parts.kpis(facts, about)
    yield parts.course(facts, about)
    yield parts.worst_segments(facts, about)
    yield from parts.detail(facts, "samples", "Errors of pages")


def _new(facts: Facts) -> Section:
    fresh = [error for error in facts.errors if error.new]
    unknown = bool(facts.errors) and all(error.new is None for error in facts.errors)
    says = [
        f"{error.domain} {error.kind}: {Quantity(error.count, Unit.COUNT)},"
        " none in the 7 days before."
        for error in fresh
    ]
    if unknown:
        says = ["There is no week before to compare with."]
    return Section("new", "New errors", tuple(says or ["No type is new."]))
