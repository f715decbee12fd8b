"""Upload performance: how long it takes, whether it works, and what on the way slows it."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    BYTES_PER_SECOND,
    CLIENT,
    CLIENT_TAGS,
    COUNT,
    PER_MINUTE,
    SECONDS,
    SHARE,
    TIMES,
    Board,
    Choice,
    Column,
    Influx,
    Listing,
    Prom,
    Row,
    Series,
    Spread,
    Switch,
    World,
    chosen,
)

BUCKETS: Final = 'video_upload_duration_seconds_bucket{source="$source", size_class=~"$size_class"}'

CHOSEN: Final = chosen("size_class", *CLIENT_TAGS)
"""The points of the chosen sizes and clients."""

BY_COUNTRY: Final = (
    Influx(
        select='count("upload_id") AS "uploads", mean("duration_seconds") AS "mean time",'
        ' percentile("duration_seconds", 95) AS "p95 time"',
        measurement="upload",
        where=CHOSEN,
        group='"country"',
    ),
    Influx(
        select='count("upload_id") AS "failed"',
        measurement="upload",
        where=f"{CHOSEN} AND \"outcome\" = 'failed'",
        group='"country"',
    ),
)

FAILED_SHARE: Final = (("failed share", "failed", "uploads"),)


def _quantile(quantile: float, name: str) -> Series:
    return Series(
        title=f"Upload time by size, {name}",
        question=f"How long do uploads of each size take? {int(quantile * 100)} of 100 take less.",
        good="Flat, and in the order of the sizes; a size that rises alone points at chunking"
        " or storage, all of them together at the network or at us.",
        unit=SECONDS,
        by="size_class",
        queries=[
            Prom(
                f"histogram_quantile({quantile},"
                f" sum by (size_class, le) (rate({BUCKETS}[$__rate_interval])))",
                "{{size_class}}",
            )
        ],
    )


BOARD: Final = Board(
    uid="upload-performance",
    title="Upload: performance",
    question="How fast are uploads, do they succeed over time, and what slows them?",
    folder="upload",
    runbook="upload",
    variables=[
        Switch("source", "Counted from", ("lifecycle", "report")),
        Choice("size_class", "video_upload_ended_total"),
        *CLIENT,
    ],
    rows=[
        Row(
            "Is uploading fast enough, and does it work?",
            [
                kpis.now("upload_success_ratio"),
                kpis.now("upload_duration_p95_seconds"),
                kpis.now("upload_ttfb_p95_seconds"),
                kpis.now("upload_chunk_first_try_ratio"),
            ],
        ),
        Row(
            "How long does an upload take?",
            [
                kpis.over_time("upload_duration_p95_seconds"),
                kpis.over_time("upload_duration_increase_ratio"),
                _quantile(0.5, "p50"),
                _quantile(0.95, "p95"),
                Series(
                    title="Uploads within 30 seconds, by size",
                    question="Which share of the uploads of each size takes at most 30 seconds?"
                    " Exact, because 30 s is the bound of a bucket.",
                    good="Nearly all of those under 30 MB.",
                    unit=SHARE,
                    by="size_class",
                    most=1,
                    queries=[
                        Prom(
                            "sum by (size_class) (rate(video_upload_duration_seconds_bucket"
                            '{source="$source", size_class=~"$size_class", le="30.0"}'
                            "[$__rate_interval])) / (sum by (size_class)"
                            " (rate(video_upload_duration_seconds_count"
                            '{source="$source", size_class=~"$size_class"}'
                            "[$__rate_interval])) > 0)",
                            "{{size_class}}",
                        )
                    ],
                ),
                Spread(
                    title="Upload times",
                    question="How are the times of the chosen sizes spread, and does a second"
                    " group of slow uploads appear?",
                    good="One band that stays where it is; a second band is a second kind of"
                    " client, route or fault.",
                    unit=SECONDS,
                    span=12,
                    queries=[
                        Prom(f"sum by (le) (increase({BUCKETS}[$__rate_interval]))", "{{le}}")
                    ],
                ),
                kpis.by_segment("upload_duration_p95_seconds", "network", chosen=True),
                kpis.by_segment("upload_duration_p95_seconds", "resolution"),
            ],
        ),
        Row(
            "Do uploads succeed over time?",
            [
                kpis.over_time("upload_success_ratio"),
                Series(
                    title="Errors per minute, by type",
                    question="What kind of error do uploads meet?",
                    good="Few and mixed; one type that rises alone names the cause.",
                    unit=PER_MINUTE,
                    span=6,
                    by="upload error_type",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (error_type) (rate(video_upload_errors_total"
                            "[$__rate_interval])) * 60",
                            "{{error_type}}",
                        )
                    ],
                ),
                kpis.by_segment("upload_success_ratio", "size_class", chosen=True),
                Series(
                    title="Error budget: how fast it burns",
                    question="How many times faster than the target allows do uploads fail, over"
                    " half an hour, six hours and three days?",
                    good="Below 1: at that speed the budget of 30 days lasts 30 days. The dashed"
                    " lines are where the burn alerts start.",
                    unit=TIMES,
                    span=12,
                    by="burn",
                    queries=[
                        Prom('slo:burn_rate:ratio{window=~"30m|6h|3d"}', "{{window}}"),
                        Prom(
                            'alert:threshold{alert="UploadErrorBudgetBurn"}',
                            "{{severity}}",
                            line=True,
                        ),
                    ],
                ),
                Series(
                    title="Error budget: what is left of 30 days",
                    question="Which share of the failures that the target allows in 30 days is"
                    " still unspent?",
                    good="Above zero; below it the target of the month is missed, whatever comes.",
                    unit=SHARE,
                    span=12,
                    least=None,
                    most=1,
                    empty="known after the first full hour",
                    queries=[Prom("slo:error_budget_remaining:ratio", "left")],
                ),
            ],
        ),
        Row(
            "Is the client's line used?",
            [
                kpis.over_time("upload_throughput_utilisation_ratio"),
                kpis.by_segment("upload_throughput_utilisation_ratio", "network", chosen=True),
                kpis.by_segment("upload_throughput_utilisation_ratio", "region", chosen=True),
                Series(
                    title="Throughput by network, median",
                    question="How many bytes per second does half of the followed uploads reach"
                    " at least?",
                    good="In the order of the networks, and flat; all falling together is us.",
                    unit=BYTES_PER_SECOND,
                    span=24,
                    by="network",
                    queries=[
                        Influx(
                            select='median("throughput_bytes_per_second")',
                            measurement="upload",
                            where=CHOSEN,
                            group='time($__interval), "network" fill(none)',
                            alias="$tag_network",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Does the first byte come soon, and do chunks arrive at once?",
            [
                kpis.over_time("upload_ttfb_p95_seconds"),
                kpis.over_time("upload_chunk_first_try_ratio"),
                kpis.by_segment("upload_ttfb_p95_seconds", "network", span=8, chosen=True),
                kpis.by_segment("upload_chunk_first_try_ratio", "network", span=8, chosen=True),
                Series(
                    title="Chunks per minute, by first try",
                    question="How many chunks arrive each minute, and how many needed retries?",
                    good="The upper band, no, is thin.",
                    unit=PER_MINUTE,
                    by="first_try",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (first_try) (rate(video_upload_chunks_total"
                            '{source="$source", network=~"$network"}'
                            "[$__rate_interval])) * 60",
                            "first try {{first_try}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Do uploads stand still?",
            [
                Series(
                    title="Interruptions per minute",
                    question="How many uploads go on after more than ten seconds without a new"
                    " byte, send bytes again, or are given up in so many words?",
                    good="Hardly any. Stalled is a line that hung, resumed a pause or a line that"
                    " broke; servers have to tell how far uploads are (docs/clients/tusd.md).",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        *(
                            Prom(
                                "sum(rate(video_upload_interruption_seconds_count"
                                f'{{kind="{kind}"}}[$__rate_interval])) * 60',
                                kind,
                            )
                            for kind in ("stalled", "resumed")
                        ),
                        Prom(
                            "sum(rate(video_upload_rewinds_total[$__rate_interval])) * 60",
                            "bytes sent again",
                        ),
                        Prom(
                            "sum(rate(video_upload_cancelled_total[$__rate_interval])) * 60",
                            "given up",
                        ),
                    ],
                ),
                Spread(
                    title="Times without a byte",
                    question="How are the times spread in which uploads stood still that then"
                    " went on?",
                    good="Nothing, or one band at the bottom.",
                    unit=SECONDS,
                    span=12,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_upload_interruption_seconds_bucket"
                            "[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Where in the world?",
            [
                World(
                    title="Followed uploads by country",
                    question="Where do uploads come from (size of the disc), and which share of"
                    " them fails there (its colour, which is full at 20 %)?",
                    good="Pale discs; a dark large one is an outage of a country's network or of"
                    " our edge there. Uploads of unknown country (ZZ) are only in the table.",
                    unit=COUNT,
                    span=12,
                    country="country",
                    size="uploads",
                    shade="failed share",
                    queries=BY_COUNTRY,
                    computed=FAILED_SHARE,
                ),
                Listing(
                    title="Countries",
                    question="How many followed uploads does each country have, how many of them"
                    " fail, and how long do they take?",
                    good="Like its neighbours; sort by a column to find the one that is not.",
                    unit=COUNT,
                    span=12,
                    height=12,
                    queries=BY_COUNTRY,
                    computed=FAILED_SHARE,
                    columns=[
                        Column("country", "country", width=80),
                        Column("uploads", "uploads", width=90),
                        Column("failed", "failed", width=75),
                        Column("failed share", "failed share", unit=SHARE, width=110),
                        Column("mean time", "mean time", unit=SECONDS, width=110),
                        Column("p95 time", "p95 time", unit=SECONDS),
                    ],
                    sort=("uploads", True),
                ),
                Listing(
                    title="Anonymous reports by country",
                    question="What do the reports say that name no upload: how many times were"
                    " reported from each country, how long were they, how well is the line used?",
                    good="Like the table of followed uploads; where there are only reports, this"
                    " is the only one of the two.",
                    unit=COUNT,
                    span=24,
                    height=6,
                    queries=[
                        Influx(
                            select='count("duration_seconds") AS "reports",'
                            ' mean("duration_seconds") AS "mean time",'
                            ' percentile("duration_seconds", 95) AS "p95 time",'
                            ' mean("utilisation_ratio") AS "use of the line"',
                            measurement="upload_report",
                            where=CHOSEN,
                            group='"country"',
                        )
                    ],
                    columns=[
                        Column("country", "country"),
                        Column("reports", "reports"),
                        Column("mean time", "mean time", unit=SECONDS),
                        Column("p95 time", "p95 time", unit=SECONDS),
                        Column("use of the line", "use of the line", unit=SHARE),
                    ],
                    sort=("reports", True),
                ),
                Series(
                    title="Success by region",
                    question="Of the uploads of each continent that completed or failed in the last"
                    " hour, how many completed?",
                    good="Lines close together and near 100 %.",
                    unit=SHARE,
                    span=13,
                    by="region",
                    least=None,
                    most=1,
                    queries=[
                        Prom(
                            "sum by (region) (increase(video_upload_ended_by_region_total"
                            '{outcome="completed", region=~"$region"}[1h])) / (sum by (region)'
                            " (increase(video_upload_ended_by_region_total"
                            '{outcome=~"completed|failed", region=~"$region"}[1h])) > 0)',
                            "{{region}}",
                        ),
                        Prom('kpi:target{kpi="upload_success_ratio"}', "target", line=True),
                    ],
                ),
                Series(
                    title="Uploads that end, per minute, by region",
                    question="How many uploads end each minute on each continent?",
                    good="Each follows its own day; a continent that vanishes is cut off.",
                    unit=PER_MINUTE,
                    span=11,
                    by="region",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (region) (rate(video_upload_ended_by_region_total"
                            '{region=~"$region"}[$__rate_interval])) * 60',
                            "{{region}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)
