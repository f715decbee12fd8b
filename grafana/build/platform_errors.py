"""Platform, third tab: what fails, in which phase."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    PER_MINUTE,
    Board,
    Choice,
    Prom,
    Row,
    Series,
    firing,
)

BOARD: Final = Board(
    uid="platform-errors",
    title="Platform: errors",
    question="What fails: logins, content, the app, the system?",
    folder="platform",
    runbook="platform",
    variables=[
        Choice("phase", "video_platform_actions_total"),
        Choice("route", "video_api_calls_total"),
    ],
    rows=[
        Row(
            "How much fails?",
            [
                kpis.now("error_ratio", span=8),
                kpis.now("api_error_ratio", span=8),
                kpis.now("login_failure_ratio", span=8),
                kpis.over_time("error_ratio"),
                firing("platform"),
            ],
        ),
        Row(
            "What fails?",
            [
                kpis.by_segment("error_ratio", "phase", span=12, chosen=True),
                Series(
                    title="Failed actions per minute",
                    question="How many actions of each phase fail?",
                    good="Few; one colour that grows names the part.",
                    unit=PER_MINUTE,
                    span=12,
                    by="platform phase",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (phase) (rate(video_platform_actions_total"
                            '{result="failed", phase=~"$phase"}[$__rate_interval])) * 60',
                            "{{phase}}",
                        )
                    ],
                ),
                kpis.over_time("login_failure_ratio"),
                Series(
                    title="Logins per minute",
                    question="How many logins succeed and fail?",
                    good="Failures are a thin stripe; a wall of them is somebody who guesses.",
                    unit=PER_MINUTE,
                    span=12,
                    by="result",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (result) (rate(video_auth_logins_total"
                            "[$__rate_interval])) * 60",
                            "{{result}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Where do errors come from?",
            [
                Series(
                    title="API errors per minute, by route",
                    question="On which routes do calls fail?",
                    good="None; one route alone is its release, all together are a store.",
                    unit=PER_MINUTE,
                    height=9,
                    span=8,
                    by="route",
                    stacked=True,
                    queries=[
                        Prom(
                            'sum by (route) (rate(video_api_errors_total{route=~"$route"}'
                            "[$__rate_interval])) * 60",
                            "{{route}}",
                        )
                    ],
                ),
                Series(
                    title="Errors of uploads per minute",
                    question="Which errors do uploads meet?",
                    good="Few of any kind.",
                    more="upload-realtime",
                    unit=PER_MINUTE,
                    height=9,
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
                Series(
                    title="Errors of pages per minute",
                    question="Which errors do pages meet?",
                    good="Few of any kind.",
                    more="web-errors",
                    unit=PER_MINUTE,
                    height=9,
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
            ],
        ),
    ],
)
