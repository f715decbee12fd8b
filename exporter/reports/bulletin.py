"""A report in the few words of an alert: for those who read it on their phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from exporter.reports.facts import Facts
from exporter.reports.kinds import Kind
from exporter.reports.kinds.optimisation import sentence
from exporter.reports.quantity import Quantity, Unit
from exporter.reports.report import Report

LASTS: Final = timedelta(days=1, minutes=5)
"""Until after the next one: while it lasts it keeps quiet the summaries of the rules."""

MOST: Final = 5


class Alert(NamedTuple):
    """An alert, from when and until when it holds."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    begin: datetime
    end: datetime


def bulletin(kind: Kind, facts: Facts, report: Report) -> Alert:
    """The alert. Its labels are those of its day, so that saying it twice says it once."""
    begin: datetime = report.end
    return Alert(
        labels={
            "alertname": f"{kind.name.capitalize()}Report",
            "severity": "info",
            "domain": "platform",
            "day": f"{begin:%Y-%m-%d}",
        },
        annotations={
            "summary": f"{report.title}: {' '.join(report.headline)}",
            "description": "\n".join(_description(facts)),
            "runbook_url": f"/docs/reports.md#{kind.name}",
            "dashboard_url": "/d/scoreboard",
        },
        begin=begin,
        end=begin + LASTS,
    )


def _description(facts: Facts) -> Iterator[str]:
    met = [error for error in facts.errors if error.count][:MOST]
    shown = (
        f"{error.domain} {error.kind} {Quantity(error.count, Unit.COUNT)}"
        + (" (new)" if error.new else "")
        for error in met
    )
    yield f"Top errors: {', '.join(shown) or 'none'}."
    for domain, shares in _devices(facts).items():
        split = ", ".join(f"{device} {share:.0%}" for device, share in shares.items())
        yield f"Devices, {domain}: {split}."
    missed = [kpi for kpi in facts.known if kpi.misses]
    missed.sort(key=lambda kpi: 100.0 if kpi.score is None else kpi.score)
    yield from (sentence(kpi) for kpi in islice(missed, MOST))
    if len(missed) > MOST:
        yield f"{len(missed) - MOST} more KPIs miss their target."


def _devices(facts: Facts) -> Mapping[str, Mapping[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for each in facts.devices:
        found[each.domain][each.device] = each.share
    return found
