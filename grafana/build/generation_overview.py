"""Generation: whether videos are made, how soon, how well, and by whom."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    BYTES,
    COUNT,
    PER_MINUTE,
    SCORE,
    SECONDS,
    SHARE,
    Bars,
    Board,
    Choice,
    Column,
    Listing,
    Number,
    Prom,
    Row,
    Series,
    Spread,
    firing,
)

CHOSEN: Final = 'provider=~"$provider"'


def _by_provider(kpi: str) -> Series:
    return kpis.by_segment(kpi, "provider", span=8, chosen=True)


BOARD: Final = Board(
    uid="generation-overview",
    title="Generation: providers and quality",
    question="Are videos made, soon enough and well enough? If not: by which provider?",
    folder="generation",
    runbook="generation",
    variables=[Choice("provider", "video_generation_ended_total")],
    rows=[
        Row(
            "Is generating fine now?",
            [
                kpis.now("generation_success_ratio"),
                kpis.now("generation_duration_mean_seconds"),
                kpis.now("generation_queue_length"),
                kpis.now("generation_quality_score"),
                Series(
                    title="Generations that end, per minute",
                    question="How many generations end each minute, and how?",
                    good="Nearly all succeeded.",
                    unit=PER_MINUTE,
                    span=12,
                    by="generation outcome",
                    stacked=True,
                    queries=[
                        Prom(
                            f"sum by (outcome) (rate(video_generation_ended_total{{{CHOSEN}}}"
                            "[$__rate_interval])) * 60",
                            "{{outcome}}",
                        )
                    ],
                ),
                firing("generation"),
            ],
        ),
        Row(
            "Which provider is better?",
            [
                Listing(
                    title="Providers",
                    question="For each provider, in the chosen time: how many generations ended,"
                    " how many succeeded, how long do they take, how good are they?",
                    good="Rows alike; one that stands out should get less of the work.",
                    unit=COUNT,
                    span=24,
                    height=7,
                    queries=[
                        Prom(
                            f"sum by (provider) (increase(video_generation_ended_total{{{CHOSEN}}}"
                            "[$__range]))"
                        ),
                        Prom(
                            "sum by (provider) (increase(video_generation_ended_total"
                            f'{{outcome="succeeded", {CHOSEN}}}[$__range])) / (sum by (provider)'
                            " (increase(video_generation_ended_total"
                            f'{{outcome=~"succeeded|failed", {CHOSEN}}}[$__range])) > 0)'
                        ),
                        Prom(
                            "sum by (provider) (increase(video_generation_duration_seconds_sum"
                            f"{{{CHOSEN}}}[$__range])) / (sum by (provider) (increase("
                            f"video_generation_duration_seconds_count{{{CHOSEN}}}[$__range])) > 0)"
                        ),
                        Prom(
                            "sum by (provider) (increase(video_generation_quality_score_sum"
                            f"{{{CHOSEN}}}[$__range])) / (sum by (provider) (increase("
                            f"video_generation_quality_score_count{{{CHOSEN}}}[$__range])) > 0)"
                        ),
                        Prom(
                            "sum by (provider) (increase(video_generation_rating_sum"
                            f"{{{CHOSEN}}}[$__range])) / (sum by (provider) (increase("
                            f"video_generation_rating_count{{{CHOSEN}}}[$__range])) > 0)"
                        ),
                        Prom(
                            "sum by (provider) (increase(video_generation_output_bytes_total"
                            f"{{{CHOSEN}}}[$__range]))"
                        ),
                    ],
                    columns=[
                        Column("provider", "provider"),
                        Column("Value #A", "ended"),
                        Column("Value #B", "succeeded", unit=SHARE),
                        Column("Value #C", "mean time", unit=SECONDS),
                        Column("Value #D", "mean quality", unit=SCORE),
                        Column("Value #E", "mean rating", unit=SCORE),
                        Column("Value #F", "delivered", unit=BYTES),
                    ],
                    sort=("ended", True),
                ),
                Listing(
                    title="Each against the others, last day",
                    question="How much worse is each provider than the others together in what"
                    " succeeds, how long it takes and how good it is, and what does it cost?",
                    good="Around 0 %; above it is worse, below it is better. What it costs is in"
                    " its own currency.",
                    unit=SHARE,
                    span=24,
                    height=6,
                    queries=[
                        *(
                            Prom(
                                "sum by (provider) (generation:provider_behind:ratio"
                                f'{{aspect="{aspect}", {CHOSEN}}})'
                            )
                            for aspect in ("success", "duration", "quality")
                        ),
                        *(
                            Prom(
                                "sum by (provider) (generation:provider:mean"
                                f'{{aspect="{aspect}", {CHOSEN}}})'
                            )
                            for aspect in ("success", "duration", "quality")
                        ),
                        Prom(
                            "sum by (provider, currency)"
                            f" (generation:provider_cost:mean{{{CHOSEN}}})"
                        ),
                    ],
                    columns=[
                        Column("provider", "provider"),
                        Column("Value #D", "succeeded"),
                        Column("Value #A", "worse in success"),
                        Column("Value #E", "mean time", unit=SECONDS),
                        Column("Value #B", "worse in time"),
                        Column("Value #F", "mean quality", unit=SCORE),
                        Column("Value #C", "worse in quality"),
                        Column("Value #G", "mean cost", unit=SCORE),
                        Column("currency", "currency"),
                    ],
                    sort=("worse in time", True),
                ),
                _by_provider("generation_success_ratio"),
                _by_provider("generation_duration_mean_seconds"),
                _by_provider("generation_quality_score"),
            ],
        ),
        Row(
            "Do generations succeed?",
            [
                kpis.over_time("generation_success_ratio"),
                Series(
                    title="Errors per minute",
                    question="Which errors do generations meet?",
                    good="Few of any kind; one colour that grows names the cause.",
                    unit=PER_MINUTE,
                    span=12,
                    by="generation error_type",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (error_type) (rate(video_generation_errors_total"
                            f"{{{CHOSEN}}}[$__rate_interval])) * 60",
                            "{{error_type}}",
                        )
                    ],
                ),
                kpis.over_time("generation_recovery_ratio"),
                _by_provider("generation_recovery_ratio"),
                Number(
                    title="Attempts each",
                    question="How many attempts does a generation need on average?",
                    good="Close to 1.",
                    unit=SCORE,
                    span=4,
                    height=8,
                    queries=[
                        Prom(
                            "round(sum(increase(video_generation_attempts_total"
                            f"{{{CHOSEN}}}[$__range])) / sum(increase("
                            f"video_generation_ended_total{{{CHOSEN}}}[$__range])), 0.01)",
                            "attempts",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "How long do people wait?",
            [
                kpis.over_time("generation_duration_mean_seconds"),
                kpis.over_time("generation_queue_length"),
                Spread(
                    title="Times from request to video",
                    question="How are the times from request to finished video spread?",
                    good="One band; a second one higher up is a provider or a queue.",
                    unit=SECONDS,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_generation_duration_seconds_bucket"
                            f"{{{CHOSEN}}}[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
                Spread(
                    title="Times in the queue",
                    question="How are the times from request to start spread?",
                    good="One band at the bottom.",
                    unit=SECONDS,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_generation_queue_seconds_bucket"
                            "[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
                kpis.by_segment("generation_queue_length", "provider", span=8, chosen=True),
            ],
        ),
        Row(
            "How long do the models work?",
            [
                Spread(
                    title="Times of the models",
                    question="How are the times spread in which a model worked on a delivered"
                    " video, as providers tell them?",
                    good="One band; what is slow and not in here waited in the queue.",
                    unit=SECONDS,
                    span=16,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_generation_run_seconds_bucket"
                            "[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
                Series(
                    title="Delivered after they were given up",
                    question="How many videos of the last hour came after their generation had been"
                    " counted as failed, cancelled or lost?",
                    good="None; else patience is too short (EXPORTER_SESSIONS__SILENCE_SECONDS).",
                    unit=COUNT,
                    queries=[
                        Prom(
                            "sum(increase(video_generation_delivered_after_end_total[1h]))", "late"
                        )
                    ],
                ),
            ],
        ),
        Row(
            "What comes?",
            [
                Series(
                    title="Queue, as it is and as it will be",
                    question="How many wait, and how many will if it goes on as in the last half"
                    " hour? The dashed line is where the alert of the queue starts.",
                    good="Two lines together and far below the dashed one.",
                    unit=COUNT,
                    span=12,
                    by="forecast",
                    queries=[
                        Prom("generation:queue:length", "now"),
                        Prom("generation:queue:predicted", "forecast"),
                        Prom(
                            'kpi:threshold{kpi="generation_queue_length"} < Inf',
                            "{{severity}}",
                            line=True,
                        ),
                    ],
                ),
                Series(
                    title="Requests of an hour, and what is usual at this hour",
                    question="How many generations are requested, and between which figures were"
                    " they at the same hour of the last four weeks?",
                    good="Between the two thin lines; they need a day to appear.",
                    unit=COUNT,
                    span=12,
                    by="forecast",
                    queries=[
                        Prom('sum(generation:requests:increase{window="1h"})', "now"),
                        Prom('sum(generation:requests:band{edge="upper"})', "most", line=True),
                        Prom('sum(generation:requests:band{edge="lower"})', "least", line=True),
                    ],
                ),
                Series(
                    title="Requests of a day, and a week from now",
                    question="How many generations were requested in 24 hours, and how many will"
                    " be in a week if it goes on as in the last seven days?",
                    good="Providers have capacity for the forecast. It needs eight days of data.",
                    unit=COUNT,
                    span=12,
                    by="forecast",
                    queries=[
                        Prom('sum(generation:requests:increase{window="1d"})', "now"),
                        Prom("generation:requests:predicted", "forecast"),
                    ],
                ),
                Listing(
                    title="Errors of the last hour, by provider",
                    question="Which kind of error of which provider are how much of all errors?",
                    good="No row that has most of them.",
                    unit=SHARE,
                    span=12,
                    queries=[
                        Prom(
                            "sum by (provider, error_type) (generation:error_share:ratio"
                            f'{{window="1h", {CHOSEN}}}) > 0'
                        )
                    ],
                    columns=[
                        Column("provider", "provider"),
                        Column("error_type", "error"),
                        Column("Value", "share of all errors"),
                    ],
                    sort=("share of all errors", True),
                ),
            ],
        ),
        Row(
            "Are the results good?",
            [
                kpis.over_time("generation_quality_score"),
                kpis.over_time("generation_satisfaction_score"),
                Bars(
                    title="Ratings of generated videos",
                    question="How many ratings of each number of stars were given in the chosen"
                    " time?",
                    good="The bars grow towards 5.",
                    unit=COUNT,
                    span=12,
                    buckets=True,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_generation_rating_bucket"
                            f'{{{CHOSEN}, le!="+Inf"}}[$__range]))',
                            "{{le}}",
                        )
                    ],
                ),
                kpis.by_segment("generation_satisfaction_score", "provider", span=12, chosen=True),
            ],
        ),
    ],
)
