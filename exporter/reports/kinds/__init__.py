"""The reports: each says how many days it looks at and which sections it has.

A report never names a KPI: it takes those whose id holds one of its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from exporter.reports import sections
from exporter.reports.facts import Facts
from exporter.reports.kinds import daily, errors, optimisation, performance, sla, ux, weekly
from exporter.reports.report import Report, Section


class Kind(NamedTuple):
    """A report that can be asked for."""

    name: str
    title: str
    days: int
    sections: Callable[[Facts], Iterable[Section]]

    def write(self, facts: Facts) -> Report:
        """The report on these facts."""
        return sections.report(facts, self.name, self.title, self.sections(facts))


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("daily", "Daily report", 1, daily.sections),
        Kind("weekly", "Weekly report", 7, weekly.sections),
        Kind("performance", "Performance report", 7, performance.sections),
        Kind("errors", "Error report", 1, errors.sections),
        Kind("ux", "Experience report", 7, ux.sections),
        Kind("sla", "Service level report", 30, sla.sections),
        Kind("optimisation", "Optimisation report", 1, optimisation.sections),
    )
}
