"""The scoreboard: every KPI in one place, whatever its domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana.build import platform_overview
from grafana.build.kpis import KPIS
from grafana.build.style import (
    COUNT,
    SCORE,
    SCORE_COLUMN,
    SECONDS,
    SHARE,
    Board,
    Column,
    Listing,
    Look,
    Number,
    Prom,
    Row,
    Series,
    firing,
)

KINDS: Final = (
    ("Ratios", ".+_ratio|generation_cost_mean", SHARE, 36),
    ("Times", ".+_seconds", SECONDS, 12),
    ("Scores and states", ".+_(score|available|length)", SCORE, 10),
    ("Sizes and rates", ".+_(bytes|bps)", COUNT, 5),
)
"""KPIs of one unit share a table: (title, what the ids look like, unit, height)."""

TITLES: Final = Look(
    "mappings",
    [{"type": "value", "options": {kpi.id: {"text": kpi.title} for kpi in KPIS.values()}}],
)


COLOURED: Final = Look("custom.cellOptions", {"type": "color-background", "mode": "basic"})


def _table(title: str, ids: str, unit: str, height: int) -> Listing:
    of = f'kpi=~"{ids}"'
    queries: Sequence[Prom] = [
        *(
            Prom(f'sum by (kpi) (kpi:value{{{of}, window="{window}"}})')
            for window in ("5m", "1h", "1d")
        ),
        Prom(f"sum by (kpi) (kpi:target{{{of}}})"),
        Prom(f"sum by (kpi) (kpi:score{{{of}}})"),
        Prom(
            f"kpi:worst_segment{{{of}}} and on (kpi, segment, member)"
            f" topk by (kpi) (1, -kpi:worst_segment{{{of}}}"
            " * on (kpi) group_left () kpi:direction)"
        ),
    ]
    return Listing(
        title=title,
        question="Where does each KPI stand over 5 minutes, an hour and a day, against its"
        " target? Which member of all segments is worst?",
        good="Scores of 100: the target is met. 0 is at or beyond the critical threshold.",
        unit=unit,
        span=24,
        height=height,
        queries=queries,
        columns=[
            Column("kpi", "KPI", looks=[TITLES]),
            Column("Value #A", "5 min"),
            Column("Value #B", "1 h"),
            Column("Value #C", "1 d"),
            Column("Value #D", "target"),
            Column("Value #E", "score", looks=[*SCORE_COLUMN, COLOURED]),
            Column("segment", "worst segment"),
            Column("member", "member"),
            Column("Value #F", "there"),
        ],
        sort=("score", False),
    )


def _scores(title: str, ids: str) -> Series:
    return Series(
        title=title,
        question="How did the score of each KPI go?",
        good="All at 100. One that falls says when it began; several together have one cause.",
        unit=SCORE,
        span=24,
        most=100,
        queries=[Prom(f'kpi:score{{kpi=~"{ids}"}}', "{{kpi}}")],
    )


BOARD: Final = Board(
    uid="scoreboard",
    title="Scoreboard",
    question="How well is the whole product doing, KPI by KPI?",
    folder="platform",
    rows=[
        Row(
            "How well are we doing?",
            [
                Number(
                    title="Performance score",
                    question="What is the mean score of the KPIs that have data?",
                    good="At its target or above.",
                    unit=SCORE,
                    span=4,
                    height=8,
                    queries=[
                        Prom("platform:performance_score", "score"),
                        Prom("platform:performance_target", "target"),
                    ],
                ),
                Series(
                    title="Performance score over time",
                    question="Is the product getting better or worse?",
                    good="Above the target line.",
                    unit=SCORE,
                    span=10,
                    most=100,
                    queries=[
                        Prom("platform:performance_score", "score"),
                        Prom("platform:performance_target", "target", line=True),
                    ],
                ),
                firing(span=10),
            ],
        ),
        Row(
            "Where does each KPI stand?",
            [_table(*kind) for kind in KINDS],
        ),
        Row(
            "Which score fell, and when?",
            [
                *(
                    _scores(f"Scores: {title.lower()}", ids)
                    for title, ids, _ in platform_overview.DOMAINS
                ),
                Series(
                    title="KPIs with data, at target, and missing it",
                    question="Of how many KPIs do we know anything, and how many meet their"
                    " target?",
                    good="All of them known, and all at target.",
                    unit=COUNT,
                    span=24,
                    height=6,
                    queries=[
                        Prom("count(kpi:target)", "defined"),
                        Prom("count(kpi:score)", "with data"),
                        Prom("count(kpi:score >= 100) or vector(0)", "at target"),
                        Prom("count(kpi:score <= 0) or vector(0)", "at or beyond critical"),
                    ],
                ),
            ],
        ),
    ],
)
