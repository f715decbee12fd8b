"""Platform, second tab: how fast the API and the caches are."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Board,
    Choice,
    Number,
    Prom,
    Row,
    Series,
    Spread,
)

BOARD: Final = Board(
    uid="platform-performance",
    title="Platform: performance",
    question="Does the platform answer fast? If not: on which route, behind which cache?",
    folder="platform",
    runbook="platform",
    variables=[
        Choice("route", "video_api_calls_total"),
        Choice("cache", "video_cache_lookups_total"),
    ],
    rows=[
        Row(
            "Is it fast?",
            [
                kpis.now("response_time_mean_seconds"),
                kpis.now("response_time_p95_seconds"),
                kpis.now("cache_hit_ratio"),
                Number(
                    title="Calls of the API",
                    question="How many calls of the API come each second?",
                    good="As many as usual at this hour.",
                    unit=PER_SECOND,
                    span=6,
                    history=True,
                    queries=[
                        Prom(
                            'sum(rate(video_api_calls_total{route=~"$route"}[$__rate_interval]))',
                            "calls",
                        ),
                    ],
                ),
                kpis.over_time("response_time_mean_seconds"),
                kpis.over_time("response_time_p95_seconds"),
            ],
        ),
        Row(
            "Which route is slow?",
            [
                kpis.by_segment("response_time_mean_seconds", "route", span=11, chosen=True),
                Spread(
                    title="Response times",
                    question="How are the times of the API's answers spread?",
                    good="One band at the bottom; a second band is a slow route or a slow store.",
                    unit=SECONDS,
                    span=13,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_api_duration_seconds_bucket"
                            '{route=~"$route"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Do the caches help?",
            [
                kpis.over_time("cache_hit_ratio"),
                kpis.by_segment("cache_hit_ratio", "cache", span=6, chosen=True),
                Series(
                    title="Look-ups in caches",
                    question="How many look-ups does each cache get?",
                    good="The usual mix.",
                    unit=PER_SECOND,
                    span=6,
                    by="cache",
                    stacked=True,
                    queries=[
                        Prom(
                            'sum by (cache) (rate(video_cache_lookups_total{cache=~"$cache"}'
                            "[$__rate_interval]))",
                            "{{cache}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Is the app installed?",
            [
                kpis.over_time("pwa_install_ratio"),
                Series(
                    title="Offers and installations in an hour",
                    question="How many people were offered the app, and how many installed it?",
                    good="Two lines that move together.",
                    unit=COUNT,
                    span=12,
                    queries=[
                        Prom("sum(increase(video_pwa_install_offers_total[1h]))", "offered"),
                        Prom("sum(increase(video_pwa_installs_total[1h]))", "installed"),
                    ],
                ),
            ],
        ),
    ],
)
