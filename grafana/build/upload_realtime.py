"""Uploads in real time: from symptom to cause, top to bottom."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    CLIENT,
    COUNT,
    GREEN,
    PER_MINUTE,
    SECONDS,
    SHARE,
    VERMILION,
    Bars,
    Board,
    Choice,
    Column,
    Number,
    Prom,
    Row,
    Series,
    by_client,
    firing,
    firing_count,
)

ENDED: Final = 'upload:ended:increase{window="1d"'
REPORTED: Final = 'upload:reports:increase{window="1d"'


def _ended(outcome: str, result: str) -> str:
    """The followed uploads of a day, or the reported ones of a day in which none was followed."""
    return (
        f'({ENDED}, outcome="{outcome}"}} and on () sum({ENDED}}}) > 0)'
        f' or on () {REPORTED}, result="{result}"}}'
    )


def _mean(source: str) -> str:
    of = f'{{window="1d", source="{source}"}}'
    return f"upload:duration_sum:increase{of} / (upload:duration_count:increase{of} > 0)"


BOARD: Final = Board(
    uid="upload-realtime",
    title="Upload: real time",
    question="Does uploading work now? If not: since when, where, and why?",
    folder="upload",
    lately="3h",
    runbook="upload",
    variables=[*CLIENT, Choice("size_class", "video_upload_ended_total")],
    rows=[
        Row(
            "Does uploading work now?",
            [
                kpis.now("upload_success_ratio", span=6),
                Number(
                    title="Active uploads",
                    question="How many uploads go on now: started and not yet over?",
                    good="Follows the time of day; zero while people upload, or growth without"
                    " end, means that starts or ends are not reported.",
                    unit=COUNT,
                    span=3,
                    history=True,
                    queries=[
                        Prom("sum(video_upload_started_total) - sum(video_upload_ended_total)")
                    ],
                ),
                Number(
                    title="Uploads of the last 24 hours",
                    question="How many uploads ended in the last 24 hours, and how? Counted from"
                    " reports where no upload was followed.",
                    good="Failed and abandoned are a few in a hundred of completed.",
                    unit=COUNT,
                    span=6,
                    by="upload outcome",
                    queries=[
                        Prom(_ended("completed", "ok"), "completed"),
                        Prom(_ended("failed", "failed"), "failed"),
                        Prom(f'{ENDED}, outcome="abandoned"}}', "abandoned"),
                    ],
                ),
                Number(
                    title="Mean time, 24 h",
                    question="How long did a completed upload of any size take on average in the"
                    " last 24 hours?",
                    good="Steady from day to day; the mix of sizes moves it, so compare like days.",
                    unit=SECONDS,
                    span=3,
                    queries=[Prom(f"{_mean('lifecycle')} or on () {_mean('report')}")],
                ),
                Number(
                    title="Beacons",
                    question="How much are clients and servers telling us?",
                    good="Follows the time of day; a sudden fall with uploads steady means that"
                    " we are not told, and every other panel is blind.",
                    unit=PER_MINUTE,
                    span=3,
                    history=True,
                    queries=[
                        Prom("sum(rate(exporter_http_responses_total[$__rate_interval])) * 60")
                    ],
                ),
                Number(
                    title="Firing alerts",
                    question="How many alerts about uploads fire now?",
                    good="None. Reports, whose severity is info, are not counted.",
                    unit=COUNT,
                    span=3,
                    steps=((None, GREEN), (1, VERMILION)),
                    queries=[firing_count("upload")],
                ),
            ],
        ),
        Row(
            "Is it good enough, and what is being said about it?",
            [
                kpis.over_time("upload_success_ratio"),
                firing("upload"),
            ],
        ),
        Row(
            "What is happening?",
            [
                Series(
                    title="Uploads that end, per minute",
                    question="How many uploads end each minute, and how?",
                    good="Almost all completed; a wall of failed is an outage, a wall of"
                    " abandoned comes half an hour after one, when patience is over.",
                    unit=PER_MINUTE,
                    span=12,
                    by="upload outcome",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (outcome) (rate(video_upload_ended_total"
                            '{device=~"$device", size_class=~"$size_class"}'
                            "[$__rate_interval])) * 60",
                            "{{outcome}}",
                        )
                    ],
                ),
                Series(
                    title="Active uploads",
                    question="Do as many uploads end as start?",
                    good="A curve like yesterday's, not a ramp.",
                    unit=COUNT,
                    span=6,
                    queries=[
                        Prom(
                            "sum(video_upload_started_total) - sum(video_upload_ended_total)",
                            "active",
                        )
                    ],
                ),
                Series(
                    title="Beacons per minute, by answer",
                    question="Do we take what we are told?",
                    good="All 2xx; 4xx are clients that send what we refuse, 5xx are ours.",
                    unit=PER_MINUTE,
                    span=6,
                    by="answer",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum(rate(exporter_http_responses_total"
                            f'{{code=~"{digit}.."}}[$__rate_interval])) * 60',
                            f"{digit}xx",
                        )
                        for digit in (2, 4, 5)
                    ],
                ),
            ],
        ),
        Row(
            "Where does it fail?",
            [
                kpis.by_segment("upload_success_ratio", "device", chosen=True),
                kpis.by_segment("upload_success_ratio", "network", chosen=True),
                kpis.by_segment("upload_success_ratio", "browser", chosen=True),
                kpis.by_segment("upload_success_ratio", "size_class", chosen=True),
                by_client(
                    "upload",
                    {
                        'count("upload_id") AS "uploads",'
                        ' mean("duration_seconds") AS "mean time"': "",
                        'count("upload_id") AS "failed"': "\"outcome\" = 'failed'",
                        'count("upload_id") AS "abandoned"': "\"outcome\" = 'abandoned'",
                    },
                    title="Uploads by kind of client",
                    question="How many followed uploads does each kind of client have, how many of"
                    " them fail or are given up, and how long do they take?",
                    good="Like its neighbours; sort by failed to find the one that is not.",
                    others=("size_class",),
                    columns=[
                        Column("uploads", "uploads"),
                        Column("failed", "failed"),
                        Column("failed share", "failed share", unit=SHARE),
                        Column("abandoned share", "abandoned share", unit=SHARE),
                        Column("mean time", "mean time", unit=SECONDS),
                    ],
                    computed=(
                        ("failed share", "failed", "uploads"),
                        ("abandoned share", "abandoned", "uploads"),
                    ),
                ),
            ],
        ),
        Row(
            "Why?",
            [
                Series(
                    title="Errors per minute, by type",
                    question="What kind of error do uploads meet, whether they survive it or not?",
                    good="Few and mixed; one type that rises alone names the cause.",
                    unit=PER_MINUTE,
                    span=11,
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
                Bars(
                    title="Errors of 24 hours, by type",
                    question="Which errors did uploads meet in the last 24 hours?",
                    good="Short bars; compare with the minutes on the left for what is new.",
                    unit=COUNT,
                    span=6,
                    by="upload error_type",
                    queries=[
                        Prom('sort_desc(upload:errors:increase{window="1d"})', "{{error_type}}")
                    ],
                ),
                kpis.worst("upload_success_ratio", span=7),
                kpis.over_time("api_error_ratio", span=8),
                kpis.over_time("upload_chunk_first_try_ratio", span=8),
                kpis.over_time("storage_available", span=8),
            ],
        ),
    ],
)
