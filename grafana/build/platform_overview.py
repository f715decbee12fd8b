"""Platform, first tab: whether everything is fine, and if not, which domain is not."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.kpis import TITLES
from grafana.build.style import (
    COLOURED_TEXT,
    COUNT,
    PER_MINUTE,
    SCORE,
    SCORE_COLUMN,
    SHARE,
    Board,
    Column,
    Listing,
    Number,
    Prom,
    Row,
    Series,
    firing,
)

DOMAINS: Final = (
    ("Upload", "upload_.+|api_.+|storage_.+", "upload-realtime"),
    ("Generation", "generation_.+|premium_.+|revenue_.+|retention_.+", "generation-overview"),
    ("Playback", "playback_.+|beacon_.+", "playback-overview"),
    ("Web", "web_.+|service_.+", "web-vitals"),
    (
        "Platform",
        "response_.+|error_ratio|(memory|cpu|disk)_used_ratio|cache_.+|login_.+|pwa_.+"
        "|incident_.+|user_.+",
        "scoreboard",
    ),
)
"""The domains: title, what the ids of their KPIs look like, the dashboard that says more."""


def _score(title: str, ids: str, more: str) -> Number:
    return Number(
        title=title,
        question="What is the mean score of this domain's KPIs that have data, and how is the"
        " worst of them?",
        good="100, on target: every target is met. Far off: one is at its critical threshold.",
        more=more,
        unit=SCORE,
        span=4,
        queries=[
            Prom(f'avg(kpi:score{{kpi=~"{ids}"}})', "mean"),
            Prom(f'min(kpi:score{{kpi=~"{ids}"}})', "worst KPI"),
        ],
        scored="B",
    )


SCORE_AND_TARGET: Final = (
    Prom("platform:performance_score", "score"),
    Prom("platform:performance_target", "target"),
    Prom("clamp_max(100 * platform:performance_score / platform:performance_target, 100)", "is"),
)
"""The score of everything, its target, and how much of the target it is."""


BOARD: Final = Board(
    uid="platform-overview",
    title="Platform: overview",
    question="Is the whole product fine? If not: which domain, which KPI, since when?",
    folder="platform",
    runbook="platform",
    rows=[
        Row(
            "Is it fine?",
            [
                Number(
                    title="Performance score",
                    question="What is the mean score of all KPIs that have data?",
                    good="At its target or above.",
                    more="scoreboard",
                    unit=SCORE,
                    span=4,
                    queries=SCORE_AND_TARGET,
                    scored="C",
                ),
                *(_score(*domain) for domain in DOMAINS),
                firing(),
                Series(
                    title="Score of every domain",
                    question="Which domain fell, and when?",
                    good="All at the top.",
                    unit=SCORE,
                    span=12,
                    most=100,
                    by="scored domain",
                    queries=[
                        Prom(f'avg(kpi:score{{kpi=~"{ids}"}})', title.lower())
                        for title, ids, _ in DOMAINS
                    ],
                ),
            ],
        ),
        Row(
            "What is missed, and what would help most?",
            [
                Listing(
                    title="KPIs that miss their target",
                    question="Which KPIs are below their target now, and how bad is it?",
                    good="None.",
                    unit=COUNT,
                    span=12,
                    queries=[Prom("kpi:score < 100")],
                    columns=[
                        Column("kpi", "KPI", looks=[TITLES]),
                        Column("Value", "score", looks=[*SCORE_COLUMN, *COLOURED_TEXT], width=120),
                    ],
                    sort=("score", False),
                ),
                Listing(
                    title="Where to begin",
                    question="For each KPI below its target: which segment contributes most?",
                    good="None.",
                    unit=COUNT,
                    span=12,
                    queries=[Prom("kpi:recommendation")],
                    columns=[
                        Column("kpi", "KPI", looks=[TITLES]),
                        Column("segment", "segment", width=120),
                        Column("member", "member", width=150),
                        Column("Value", "contribution", unit=SCORE, width=120),
                    ],
                    sort=("contribution", True),
                ),
            ],
        ),
        Row(
            "How much goes on?",
            [
                Series(
                    title="Uploads, generations, plays, page views per minute",
                    question="How much of everything begins or ends each minute?",
                    good="The usual curves of the day; a cliff in one is where to look.",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        Prom(
                            "sum(rate(video_upload_started_total[$__rate_interval])) * 60",
                            "uploads",
                        ),
                        Prom(
                            "sum(rate(video_generation_requested_total[$__rate_interval])) * 60",
                            "generations",
                        ),
                        Prom(
                            "sum(rate(video_playback_attempts_total[$__rate_interval])) * 60",
                            "plays",
                        ),
                        Prom(
                            "sum(rate(video_web_page_views_total[$__rate_interval])) * 60",
                            "page views",
                        ),
                    ],
                ),
                Series(
                    title="Error budget left",
                    question="How much of the month's error budget is left?",
                    good="More than the share of the month that is left.",
                    unit=SHARE,
                    span=12,
                    least=None,
                    most=1,
                    empty="known after the first full hour",
                    queries=[Prom("slo:error_budget_remaining:ratio", "left")],
                ),
                kpis.over_time("user_satisfaction_score"),
                kpis.by_segment("user_satisfaction_score", "domain", span=12),
            ],
        ),
    ],
)
