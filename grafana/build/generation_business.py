"""Generation as a business: what it costs, what it brings, who comes back."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    COUNT,
    PER_MINUTE,
    SCORE,
    Board,
    Choice,
    Number,
    Prom,
    Row,
    Series,
    firing,
)

BOARD: Final = Board(
    uid="generation-business",
    title="Generation: business",
    question="What do videos cost, what do they bring, and do people come back?",
    folder="generation",
    lately="7d",
    refresh="5m",
    runbook="generation",
    variables=[Choice("provider", "video_generation_ended_total")],
    rows=[
        Row(
            "How is the business?",
            [
                kpis.now("premium_conversion_ratio"),
                kpis.now("revenue_decline_ratio"),
                kpis.now("generation_cost_mean"),
                kpis.now("retention_ratio"),
            ],
        ),
        Row(
            "What comes in?",
            [
                kpis.over_time("premium_conversion_ratio"),
                Series(
                    title="Revenue of a day, by currency",
                    question="How much was paid in the last 24 hours, in each currency, and how"
                    " much will be in a week (dashed) if it goes on as in the last seven days?",
                    good="Level or rising; currencies are never added together. The forecast needs"
                    " eight days of data.",
                    unit=SCORE,
                    span=12,
                    by="currency",
                    queries=[
                        Prom(
                            "sum by (currency) (increase(video_revenue_total[1d])) > 0",
                            "{{currency}}",
                        ),
                        Prom("revenue:amount:predicted", "in a week {{currency}}", line=True),
                    ],
                ),
                kpis.over_time("revenue_decline_ratio"),
                Series(
                    title="Premium offers and purchases per minute",
                    question="How often is premium offered, and how often bought?",
                    good="Two lines that move together.",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        Prom(
                            "sum(rate(video_premium_offers_total[$__rate_interval])) * 60",
                            "offers",
                        ),
                        Prom(
                            "sum(rate(video_premium_purchases_total[$__rate_interval])) * 60",
                            "purchases",
                        ),
                    ],
                ),
            ],
        ),
        Row(
            "What does a video cost?",
            [
                kpis.over_time("generation_cost_mean"),
                Series(
                    title="Mean cost of a video in a day, by provider and currency",
                    question="What did a delivered video cost on average in the last 24 hours?",
                    good="Level or falling.",
                    unit=SCORE,
                    span=12,
                    by="provider",
                    queries=[
                        Prom(
                            "sum by (provider, currency) (increase(video_generation_cost_total"
                            '{provider=~"$provider"}[1d])) / (sum by (provider, currency) (increase'
                            '(video_generation_priced_total{provider=~"$provider"}[1d])) > 0)',
                            "{{provider}} {{currency}}",
                        )
                    ],
                ),
                firing("generation", span=18, height=5),
                Number(
                    title="Unlisted currencies",
                    question="How many costs and payments of the chosen time are in a currency"
                    " that the settings do not list, and so in no sum?",
                    good="None; else add the currency to EXPORTER_LABELS__CURRENCIES.",
                    unit=COUNT,
                    span=6,
                    queries=[
                        Prom("sum(increase(video_generation_unpriced_total[$__range]))", "amounts")
                    ],
                ),
            ],
        ),
        Row(
            "Do people come back?",
            [
                kpis.over_time("retention_ratio"),
                Series(
                    title="People of the months before",
                    question="How many people were active 30 to 60 days ago, and how many of them"
                    " in the last 30 days?",
                    good="Two lines close together.",
                    unit=COUNT,
                    span=6,
                    queries=[
                        Prom("max(video_people_before)", "active before"),
                        Prom("max(video_people_retained)", "still active"),
                    ],
                ),
                Series(
                    title="Features adopted per minute",
                    question="How often does somebody use a feature for the first time?",
                    good="A bump after a release that people notice.",
                    unit=PER_MINUTE,
                    span=6,
                    queries=[
                        Prom(
                            "sum(rate(video_features_adopted_total[$__rate_interval])) * 60",
                            "adopted",
                        )
                    ],
                ),
            ],
        ),
    ],
)
