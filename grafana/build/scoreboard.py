"""The scoreboard: every KPI in one place, whatever its domain."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from grafana.build import platform_overview
from grafana.build.kpis import KPIS, TITLES
from grafana.build.style import (
    BITS_PER_SECOND,
    BYTES,
    COUNT,
    NOT_SCORED,
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
    Scores,
    Series,
    firing,
)

KINDS: Final = (
    ("Ratios", ".+_ratio|generation_cost_mean", SHARE, 14),
    ("Times", ".+_seconds", SECONDS, 13),
    ("Scores and states", ".+_(score|available|length)", SCORE, 10),
    ("Sizes", ".+_bytes", BYTES, 4),
    ("Rates", ".+_bps", BITS_PER_SECOND, 4),
)
"""KPIs of one unit share a table: (title, what the ids look like, unit, height)."""

COLOURED: Final = (
    Look("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
    # What Grafana called it up to 9.4.
    Look("custom.displayMode", "color-background-solid"),
)


def _table(title: str, ids: str, unit: str, height: int) -> Listing:
    of = f'kpi=~"{ids}"'
    queries: Sequence[Prom] = [
        *(
            Prom(f'sum by (kpi) (kpi:value{{{of}, window="{window}"}})')
            for window in ("5m", "1h", "1d")
        ),
        Prom(f"sum by (kpi) (kpi:target{{{of}}})"),
        Prom(
            f"sum by (kpi) (kpi:score{{{of}}})"
            f" or sum by (kpi) (0 * kpi:target{{{of}}}) + {NOT_SCORED}"
        ),
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
            Column("kpi", "KPI", looks=[TITLES], width=300),
            Column("Value #A", "5 min", width=90),
            Column("Value #B", "1 h", width=90),
            Column("Value #C", "1 d", width=90),
            Column("Value #D", "target", width=90),
            Column("Value #E", "score", looks=[*SCORE_COLUMN, *COLOURED], width=90),
            Column("segment", "worst segment", width=130),
            Column("member", "member"),
            Column("Value #F", "there", width=100),
        ],
        sort=("score", False),
    )


PAIRS: Final = (("Upload", "Platform"), ("Web", "Generation"), ("Playback",))
"""Domains with about as many KPIs stand beside each other."""

_BY_TITLE: Final = {domain[0]: domain for domain in platform_overview.DOMAINS}
_BESIDE_EACH_OTHER: Final = [_BY_TITLE[title] for pair in PAIRS for title in pair]


def _of(ids: str) -> dict[str, str]:
    return {kpi.id: kpi.title for kpi in KPIS.values() if re.fullmatch(ids, kpi.id)}


def _height(titles: Sequence[str]) -> int:
    """Room for a strip of every KPI of the largest of some domains."""
    return 3 + math.ceil(0.65 * max(len(_of(_BY_TITLE[title][1])) for title in titles))


def _scores(title: str, ids: str, more: str) -> Scores:
    return Scores(
        title=title,
        question="Which KPIs of this domain miss their target, and since when?",
        good="Green: the target is met. Orange misses it, red is at or beyond the critical"
        " threshold. Strips that turn together have one cause.",
        more=more if more != "scoreboard" else "platform-overview",
        unit=SCORE,
        span=12,
        height=_height(next(pair for pair in PAIRS if title in pair)),
        names=_of(ids),
        queries=[Prom(f'kpi:score{{kpi=~"{ids}"}}', "{{kpi}}")],
    )


BOARD: Final = Board(
    uid="scoreboard",
    title="Scoreboard",
    question="How well is the whole product doing, KPI by KPI?",
    folder="platform",
    lately="24h",
    refresh="1m",
    rows=[
        Row(
            "How well are we doing?",
            [
                Number(
                    title="Performance score",
                    question="What is the mean score of the KPIs that have data?",
                    good="At its target or above.",
                    unit=SCORE,
                    span=3,
                    height=8,
                    queries=platform_overview.SCORE_AND_TARGET,
                    scored="C",
                ),
                Series(
                    title="Performance score over time",
                    question="Is the product getting better or worse?",
                    good="Above the target line.",
                    unit=SCORE,
                    span=9,
                    most=100,
                    queries=[
                        Prom("platform:performance_score", "score"),
                        Prom("platform:performance_target", "target", line=True),
                    ],
                ),
                firing(span=12),
            ],
        ),
        Row(
            "Which KPI misses its target, and since when?",
            [
                *(_scores(*domain) for domain in _BESIDE_EACH_OTHER),
                Series(
                    title="KPIs with data, at target, and missing it",
                    question="Of how many KPIs do we know anything, and how many meet their"
                    " target?",
                    good="All of them known, and all at target.",
                    unit=COUNT,
                    by="kpis",
                    span=12,
                    height=_height(("Playback",)),
                    queries=[
                        Prom("count(kpi:target)", "defined"),
                        Prom("count(kpi:score)", "with data"),
                        Prom("count(kpi:score >= 100) or vector(0)", "at target"),
                        Prom("count(kpi:score <= 0) or vector(0)", "at or beyond critical"),
                    ],
                ),
            ],
        ),
        Row(
            "Where does each KPI stand?",
            [_table(*kind) for kind in KINDS],
        ),
    ],
)
