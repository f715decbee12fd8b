"""Upload experience: whether people give up, are content, and what it costs their devices."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    BYTES,
    CLIENT,
    CLIENT_TAGS,
    COLOURS,
    COUNT,
    ORANGE,
    PER_MINUTE,
    SCORE,
    SECONDS,
    SHARE,
    Bars,
    Board,
    Column,
    Influx,
    Listing,
    Prom,
    Row,
    Series,
    Spread,
    chosen,
)

CHOSEN: Final = chosen(*CLIENT_TAGS)
"""The points of the chosen clients."""


def _uploads(select: str, outcome: str = "") -> Influx:
    return Influx(
        select=select,
        measurement="upload",
        where=f"{CHOSEN} AND \"outcome\" = '{outcome}'" if outcome else CHOSEN,
        group='"device", "browser"',
    )


BOARD: Final = Board(
    uid="upload-experience",
    title="Upload: experience",
    question="What is uploading like for people, on their devices and in their browsers?",
    folder="upload",
    runbook="upload",
    variables=CLIENT,
    rows=[
        Row(
            "Is it a good experience?",
            [
                kpis.now("upload_abandonment_ratio"),
                kpis.now("upload_satisfaction_score"),
                kpis.now("upload_preview_p95_seconds"),
                kpis.now("upload_recovery_ratio"),
            ],
        ),
        Row(
            "Do people give up?",
            [
                kpis.over_time("upload_abandonment_ratio"),
                kpis.by_segment("upload_abandonment_ratio", "device", chosen=True),
                kpis.by_segment("upload_abandonment_ratio", "size_class"),
                Bars(
                    title="Abandoned uploads by age",
                    question="How long had the uploads been going on that were given up in the"
                    " chosen time?",
                    good="Most in the first seconds, by people who changed their mind; long bars"
                    " at the end are people whose patience was worn out.",
                    unit=COUNT,
                    by="age_class",
                    queries=[
                        Prom(
                            "sum(increase(video_upload_ended_by_age_total"
                            f'{{outcome="abandoned", age_class="{age}"}}[$__range]))',
                            age,
                        )
                        for age in COLOURS["age_class"]
                    ],
                ),
                kpis.by_segment("upload_abandonment_ratio", "age_class", span=8),
                Series(
                    title="Second thoughts per minute",
                    question="How often does a page believe that an upload is given up, and how"
                    " often does one complete after all?",
                    good="Few; many late completions mean that our patience is too short.",
                    unit=PER_MINUTE,
                    queries=[
                        Prom(
                            "sum(rate(video_upload_abandon_hints_total[$__rate_interval])) * 60",
                            "hints of pages",
                        ),
                        Prom(
                            "sum(rate(video_upload_recovered_after_end_total"
                            "[$__rate_interval])) * 60",
                            "completed after their end",
                        ),
                    ],
                ),
            ],
        ),
        Row(
            "Are they content?",
            [
                kpis.over_time("upload_satisfaction_score"),
                kpis.by_segment("upload_satisfaction_score", "device", chosen=True),
                Bars(
                    title="Ratings",
                    question="How many ratings of each number of stars were given in the chosen"
                    " time?",
                    good="The bars grow towards 5; a second hump at 1 is a group with a problem.",
                    unit=COUNT,
                    span=6,
                    buckets=True,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_upload_rating_bucket"
                            '{device=~"$device", le!="+Inf"}[$__range]))',
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "How soon do they see their video?",
            [
                kpis.over_time("upload_preview_p95_seconds"),
                kpis.by_segment("upload_preview_p95_seconds", "device", chosen=True),
                Spread(
                    title="Times to preview",
                    question="How are the times from completion to preview spread?",
                    good="One band at the bottom.",
                    unit=SECONDS,
                    span=6,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_upload_preview_seconds_bucket"
                            '{device=~"$device"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Is one device or browser worse than the others?",
            [
                kpis.by_segment("upload_success_ratio", "device", chosen=True),
                kpis.by_segment("upload_success_ratio", "browser", chosen=True),
                Series(
                    title="Uploads that end, per minute, by device",
                    question="How many uploads end each minute on each device?",
                    good="The usual mix; a device that vanishes cannot upload at all.",
                    unit=PER_MINUTE,
                    span=6,
                    by="device",
                    stacked=True,
                    queries=[
                        Prom(
                            'sum by (device) (rate(video_upload_ended_total{device=~"$device"}'
                            "[$__rate_interval])) * 60",
                            "{{device}}",
                        )
                    ],
                ),
                Series(
                    title="Uploads that end, per minute, by browser",
                    question="How many uploads end each minute in each browser?",
                    good="The usual mix; a browser that vanishes cannot upload at all.",
                    unit=PER_MINUTE,
                    span=6,
                    by="browser",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (browser) (rate(video_upload_ended_by_client_total"
                            '{browser=~"$browser", network=~"$network"}'
                            "[$__rate_interval])) * 60",
                            "{{browser}}",
                        )
                    ],
                ),
                Listing(
                    title="Devices and browsers",
                    question="For each device and browser: how many followed uploads, how many"
                    " fail, how long do they take, how soon is the preview there, how do people"
                    " rate?",
                    good="Rows alike; a pair that stands out in one column is one page's fault.",
                    unit=COUNT,
                    span=24,
                    queries=[
                        _uploads(
                            'count("upload_id") AS "uploads",'
                            ' mean("duration_seconds") AS "mean time",'
                            ' percentile("duration_seconds", 95) AS "p95 time",'
                            ' mean("preview_seconds") AS "mean preview",'
                            ' mean("rating") AS "mean rating"'
                        ),
                        _uploads('count("upload_id") AS "failed"', "failed"),
                        _uploads('count("upload_id") AS "abandoned"', "abandoned"),
                    ],
                    computed=(
                        ("failed share", "failed", "uploads"),
                        ("abandoned share", "abandoned", "uploads"),
                    ),
                    columns=[
                        Column("device", "device"),
                        Column("browser", "browser"),
                        Column("uploads", "uploads"),
                        Column("failed share", "failed share", unit=SHARE),
                        Column("abandoned share", "abandoned share", unit=SHARE),
                        Column("mean time", "mean time", unit=SECONDS),
                        Column("p95 time", "p95 time", unit=SECONDS),
                        Column("mean preview", "mean preview", unit=SECONDS),
                        Column("mean rating", "mean rating", unit=SCORE),
                    ],
                    sort=("uploads", True),
                ),
            ],
        ),
        Row(
            "Do interrupted uploads recover?",
            [
                kpis.over_time("upload_recovery_ratio"),
                kpis.by_segment("upload_recovery_ratio", "error_type"),
                Series(
                    title="Recoveries per minute",
                    question="How many interrupted uploads go on, and do they complete?",
                    good="Mostly ok; nothing at all beside many errors means that pages give up"
                    " at the first one.",
                    unit=PER_MINUTE,
                    span=6,
                    by="result",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (result) (rate(video_upload_recoveries_total"
                            "[$__rate_interval])) * 60",
                            "{{result}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "What does it cost the client?",
            [
                kpis.over_time("upload_cpu_increase_ratio"),
                kpis.over_time("upload_memory_increase_bytes"),
                kpis.by_segment("upload_cpu_increase_ratio", "device", chosen=True),
                Bars(
                    title="Uploads that took over 60 % more CPU",
                    question="On which devices did uploads of the chosen time take over 60 % more"
                    " CPU than before them?",
                    good="Hardly any, and not all on one device.",
                    unit=COUNT,
                    span=6,
                    by="device",
                    colour=ORANGE,
                    queries=[
                        Prom(
                            "sum by (device) (increase(video_upload_cpu_increase_ratio_count"
                            '{device=~"$device"}[$__range])) - sum by (device) (increase('
                            'video_upload_cpu_increase_ratio_bucket{device=~"$device", le="0.6"}'
                            "[$__range]))",
                            "{{device}}",
                        )
                    ],
                ),
                kpis.by_segment("upload_memory_increase_bytes", "device", chosen=True),
                Spread(
                    title="Growth of the heap",
                    question="How is the growth of the clients' heaps spread?",
                    good="One band, well below 100 MB.",
                    unit=BYTES,
                    span=6,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_upload_memory_increase_bytes_bucket"
                            '{device=~"$device"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)
