"""The KPIs in words, and the panels that show one: over time, by segment, and now.

Every dashboard says the same about a KPI because it is said here once, in a file for each domain.
Values, targets and thresholds are series (``kpi:*``); no number of theirs is in a dashboard.
"""

from __future__ import annotations

from typing import Final

from grafana.build.kpis import generation, platform, playback, upload, web
from grafana.build.kpis.kpi import Kpi
from grafana.build.style import Bars, Look, Number, Prom, Series, coloured

KPIS: Final[dict[str, Kpi]] = {
    kpi.id: kpi for domain in (upload, generation, playback, web, platform) for kpi in domain.KPIS
}

DOMAIN_OF: Final = {
    kpi.id: domain.__name__.rpartition(".")[2]
    for domain in (upload, generation, playback, web, platform)
    for kpi in domain.KPIS
}

SEGMENTS: Final = {
    "age_class": "age",
    "cache": "cache",
    "cdn": "CDN",
    "currency": "currency",
    "domain": "domain",
    "browser": "browser",
    "device": "device",
    "error_type": "error type",
    "format": "format",
    "network": "network",
    "operation": "operation",
    "phase": "phase",
    "player": "player",
    "provider": "provider",
    "region": "region",
    "resolution": "resolution",
    "route": "route",
    "service": "service",
    "severity": "severity",
    "size_class": "size",
}
"""The labels by which a KPI is told apart, in words."""


TITLES: Final = Look(
    "mappings",
    [{"type": "value", "options": {kpi.id: {"text": kpi.title} for kpi in KPIS.values()}}],
)
"""In a table: the title of a KPI instead of its id."""


def _lines(kpi: str) -> list[Prom]:
    """Target and thresholds; one that is switched off (NaN, Inf) is no line."""
    return [
        Prom(f'kpi:target{{kpi="{kpi}"}}', "target", line=True),
        Prom(f'kpi:threshold{{kpi="{kpi}"}} < Inf', "{{severity}}", line=True),
    ]


def over_time(kpi: str, *, span: int = 12) -> Series:
    """A KPI over time with its target and thresholds."""
    about = KPIS[kpi]
    return Series(
        title=about.title,
        question=about.question,
        good=about.good,
        more=about.board,
        unit=about.unit,
        span=span,
        by="lately",
        least=about.least,
        most=about.most,
        queries=[
            Prom(f'kpi:value{{kpi="{kpi}", window="1h"}}', "1 h"),
            Prom(f'kpi:value{{kpi="{kpi}", window="5m"}}', "5 min"),
            *_lines(kpi),
        ],
    )


def by_segment(kpi: str, segment: str, *, span: int = 6, chosen: bool = False) -> Series:
    """A KPI over the last hour for each member of a segment, with target and thresholds.

    ``chosen`` where the dashboard has a variable of the segment's name. A threshold that a member
    has of its own is dashed in the member's colour.
    """
    about = KPIS[kpi]
    members = f', member=~"${segment}"' if chosen else ""
    return Series(
        title=f"{about.title} by {SEGMENTS[segment]}",
        question=f"{about.question} One line for each {SEGMENTS[segment]}, last hour. Dashed:"
        " the target (green) and the thresholds of alerts.",
        good=f"{about.good} Lines close together: one that leaves the others is the cause.",
        more=about.board,
        unit=about.unit,
        span=span,
        by=coloured(segment, DOMAIN_OF[kpi]),
        least=about.least,
        most=about.most,
        queries=[
            Prom(
                f'kpi:segment_value{{kpi="{kpi}", window="1h", segment="{segment}"{members}}}',
                "{{member}}",
            ),
            *_lines(kpi),
            Prom(
                f'kpi:threshold_override{{kpi="{kpi}", segment="{segment}"{members}}} < Inf',
                "{{severity}} {{member}}",
                line=True,
            ),
        ],
    )


def now(kpi: str, *, span: int = 6) -> Number:
    """A KPI over the last 5 minutes and the last hour, and its score."""
    about = KPIS[kpi]
    return Number(
        title=about.title,
        question=f"{about.question} The words compare the last hour with the target.",
        good="On target, in green. Far off, in red, is at or beyond the critical threshold.",
        more=about.board,
        unit=about.unit,
        span=span,
        queries=[
            Prom(f'kpi:value{{kpi="{kpi}", window="5m"}}', "5 min"),
            Prom(f'kpi:value{{kpi="{kpi}", window="1h"}}', "1 h"),
            Prom(f'kpi:score{{kpi="{kpi}"}}', "is"),
        ],
        scored="C",
        empty=about.empty,
    )


def worst(kpi: str, *, span: int = 6) -> Bars:
    """The worst member of each segment of a KPI that has events enough to be believed."""
    about = KPIS[kpi]
    return Bars(
        title=f"{about.title}: worst segments",
        question=f"{about.question} The worst member with enough events.",
        good="Close to the whole; a member far from it is where to look first.",
        more=about.board,
        unit=about.unit,
        span=span,
        queries=[Prom(f'kpi:worst_segment{{kpi="{kpi}"}}', "{{segment}} {{member}}")],
    )
