"""Incidents: what fired, how often, and how long it took to resolve."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    COLOURS,
    COUNT,
    SECONDS,
    Bars,
    Board,
    Column,
    Listing,
    Prom,
    Row,
    Series,
    firing,
)

REAL: Final = 'alertname!="Watchdog", alertstate="firing"'
SERIOUS: Final = 'alertname!="Watchdog", alertstate="firing", severity=~"critical|high"'

# One query for each, so that the gravest comes first.
NAMES: Final = {"info": "info (reports)"}
"""More than the bare name; Grafana leaves as much room beside bars as the longest one needs."""

FIRING: Final = [
    Prom(
        f'count(ALERTS{{{REAL}, severity="{severity}"}}) or vector(0)',
        NAMES.get(severity, severity),
    )
    for severity in COLOURS["severity"]
]

BOARD: Final = Board(
    uid="incidents",
    title="Incidents",
    question="What fired lately, how often, and how long did it take to resolve?",
    folder="platform",
    lately="7d",
    refresh="1m",
    rows=[
        Row(
            "What is open?",
            [
                kpis.now("incident_mttr_seconds", span=12),
                Bars(
                    title="Firing now, by severity",
                    question="How many alerts of each severity fire now?",
                    good="None of critical or high.",
                    unit=COUNT,
                    span=12,
                    height=5,
                    by="severity",
                    queries=FIRING,
                ),
                firing(span=24),
            ],
        ),
        Row(
            "How long do they take?",
            [
                kpis.over_time("incident_mttr_seconds"),
                kpis.by_segment("incident_mttr_seconds", "severity", span=12),
            ],
        ),
        Row(
            "What fires most?",
            [
                Series(
                    title="Alerts that fire",
                    question="How many alerts of each severity fired at the same time?",
                    good="Quiet, with short bumps.",
                    unit=COUNT,
                    span=12,
                    by="severity",
                    stacked=True,
                    queries=FIRING,
                ),
                Listing(
                    title="Time spent firing",
                    question="Which serious alerts fired longest in the chosen time?",
                    good="None; what stands here every week is a cause that nobody removed.",
                    unit=SECONDS,
                    span=12,
                    queries=[
                        Prom(
                            "sum by (alertname, severity, domain) (count_over_time("
                            f"ALERTS{{{SERIOUS}}}[$__range:1m])) * 60"
                        )
                    ],
                    columns=[
                        Column("alertname", "alert"),
                        Column("severity", "severity", width=90),
                        Column("domain", "domain", width=105),
                        Column("Value", "time firing", unit=SECONDS, width=110),
                    ],
                    sort=("time firing", True),
                ),
            ],
        ),
    ],
)
