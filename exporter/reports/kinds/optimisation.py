"""Where to begin: for each KPI below target, a sentence with the segment that contributes most."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.reports import sections as parts
from exporter.reports.facts import Facts, Kpi
from exporter.reports.quantity import Quantity, Unit
from exporter.reports.report import Section
from exporter.reports.segments import worst


def sections(facts: Facts) -> Iterator[Section]:
    """What it says."""
    missed = sorted((kpi for kpi in facts.known if kpi.misses), key=_lowest_score_first)
    if missed:
        yield Section("recommendations", "Where to begin", tuple(sentence(kpi) for kpi in missed))
    else:
        yield Section("recommendations", "Where to begin", ("No KPI with data misses its target.",))
    yield parts.worst_segments(facts, lambda kpi: kpi.misses)
    yield parts.course(facts, lambda kpi: kpi.misses)


def _lowest_score_first(kpi: Kpi) -> tuple[float, str]:
    return (100.0 if kpi.score is None else kpi.score), kpi.id


def sentence(kpi: Kpi) -> str:
    """What is missing, and where most of it is lost."""
    says = f"{kpi.title} is {kpi.quantity(kpi.value)}, target {kpi.quantity(kpi.target)}: "
    if not kpi.members:
        return says + "it has no segments with data, so look at the whole."
    found = worst(kpi.members, kpi.direction, kpi.min_events)
    if found is None or kpi.value is None:
        return says + "no segment with enough events is worse than the others."
    there = found.member
    better = kpi.quantity(kpi.value + found.gain * kpi.direction)
    return (
        f"{says}{there.segment} {there.member} contributes most, with"
        f" {kpi.quantity(there.value)} there and {kpi.quantity(found.elsewhere)} elsewhere, over"
        f" {Quantity(found.share, Unit.SHARE)} of the events; as good as elsewhere, the whole"
        f" would be about {better}."
    )
