"""Web: which errors pages meet, how many people, and since when."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    CLIENT,
    COUNT,
    PER_MINUTE,
    SHARE,
    Board,
    Column,
    Influx,
    Listing,
    Prom,
    Row,
    Series,
    by_client,
    firing,
)

BOARD: Final = Board(
    uid="web-errors",
    title="Web: errors",
    question="Which errors do pages meet, on which pages, how many people, and what is new?",
    folder="web",
    runbook="web",
    variables=CLIENT,
    rows=[
        Row(
            "How bad is it?",
            [
                kpis.now("web_error_ratio", span=12),
                kpis.now("web_request_failure_ratio", span=12),
                kpis.over_time("web_error_ratio", span=8),
                kpis.over_time("web_request_failure_ratio", span=8),
                firing("web", span=8),
            ],
        ),
        Row(
            "Which errors?",
            [
                Series(
                    title="Errors per minute",
                    question="How many errors of each kind do pages meet?",
                    good="Few of any kind; a step is a release or an outage.",
                    unit=PER_MINUTE,
                    span=8,
                    by="web error_type",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (error_type) (rate(video_web_errors_total"
                            "[$__rate_interval])) * 60",
                            "{{error_type}}",
                        )
                    ],
                ),
                Series(
                    title="Affected people, last day",
                    question="How many different people met an error of each kind in a day?",
                    good="Few; one person can meet many errors, so read this beside the rate.",
                    unit=COUNT,
                    span=8,
                    by="web error_type",
                    queries=[
                        Prom(
                            "max by (error_type) (video_web_affected_people)",
                            "{{error_type}}",
                        )
                    ],
                ),
                Series(
                    title="New and fatal errors per hour",
                    question="How many errors come that nobody had seen before, and how many that"
                    " their page calls fatal?",
                    good="New ones only with a release; fatal ones never.",
                    unit=COUNT,
                    span=8,
                    queries=[
                        Prom("sum(increase(video_web_new_errors_total[1h]))", "new"),
                        Prom("sum(increase(video_web_fatal_errors_total[1h]))", "fatal"),
                    ],
                ),
                Listing(
                    title="Top errors",
                    question="Which errors came most often in the chosen time, on which page, how"
                    " do they read, and since when?",
                    good="None that is new; the first rows are where work pays most.",
                    unit=COUNT,
                    span=24,
                    height=10,
                    queries=[
                        Influx(
                            select='sum("count") AS "errors", last("sample") AS "sample",'
                            ' last("first_seen") AS "first seen", last("last_seen") AS "last seen"',
                            measurement="web_error",
                            group='"fingerprint", "error_type", "page"',
                        )
                    ],
                    columns=[
                        Column("errors", "errors", width=90),
                        Column("error_type", "kind", width=150),
                        Column("page", "page", width=130),
                        Column("sample", "sample"),
                        Column("first seen", "first seen", unit="dateTimeFromNow", width=140),
                        Column("last seen", "last seen", unit="dateTimeFromNow", width=140),
                        Column("fingerprint", "fingerprint", width=180),
                    ],
                    sort=("errors", True),
                ),
            ],
        ),
        Row(
            "Where?",
            [
                kpis.by_segment("web_error_ratio", "route", span=13),
                kpis.by_segment("web_error_ratio", "error_type", span=11),
                Series(
                    title="Page views with an error by device",
                    question="Which share of the page views of a device met an error? Last hour.",
                    good="Lines close together: one that leaves the others is the cause.",
                    unit=SHARE,
                    by="device",
                    queries=[
                        Prom(
                            "sum by (device) (increase(video_web_page_views_by_device_total"
                            '{erred="yes", device=~"$device"}[1h])) / (sum by (device) (increase('
                            'video_web_page_views_by_device_total{device=~"$device"}[1h])) > 0)',
                            "{{device}}",
                        )
                    ],
                ),
                kpis.by_segment("web_request_failure_ratio", "route", span=8),
                Series(
                    title="Requests of pages per minute",
                    question="How do requests of pages come out?",
                    good="Nearly all ok.",
                    unit=PER_MINUTE,
                    by="web result",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (result) (rate(video_web_requests_total"
                            "[$__rate_interval])) * 60",
                            "{{result}}",
                        )
                    ],
                ),
                by_client(
                    "page_view",
                    {
                        'count("errors") AS "page views", sum("errors") AS "errors"': "",
                        'count("errors") AS "erred"': "\"erred\" = 'yes'",
                    },
                    title="Errors by kind of client",
                    question="How many page views does each kind of client have, how many of them"
                    " met an error, and how many errors are these?",
                    good="Shares alike; one browser that stands out is a release, one network or"
                    " region an outage there.",
                    columns=[
                        Column("page views", "page views"),
                        Column("erred", "with an error"),
                        Column("share with an error", "share with an error", unit=SHARE),
                        Column("errors", "errors"),
                    ],
                    computed=(("share with an error", "erred", "page views"),),
                ),
            ],
        ),
        Row(
            "What do pages write?",
            [
                Series(
                    title="Lines of logs per minute, by level",
                    question="How much do pages write into their logs, and how grave is it? Their"
                    " texts are not kept.",
                    good="The usual mix; error and warn that grow are a release or an outage.",
                    unit=PER_MINUTE,
                    span=24,
                    by="level",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (level) (rate(video_web_logs_total[$__rate_interval])) * 60",
                            "{{level}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)
